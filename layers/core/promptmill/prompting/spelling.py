"""Words that are certainly misspelt English, and names with a fixed spelling. Read by `tidy`.

Only forms that are no word of their own are listed: "its", "lets", "ill" and "id" may be meant.
"""

MISSPELT = {
    "dont": "don't", "doesnt": "doesn't", "didnt": "didn't", "isnt": "isn't", "arent": "aren't", "wasnt": "wasn't",
    "werent": "weren't", "cant": "can't", "couldnt": "couldn't", "shouldnt": "shouldn't", "wouldnt": "wouldn't",
    "havent": "haven't", "hasnt": "hasn't", "wont": "won't", "im": "I'm", "ive": "I've", "thats": "that's",
    "whats": "what's", "theres": "there's", "youre": "you're", "theyre": "they're", "heres": "here's",
    "teh": "the", "hte": "the", "taht": "that", "wiht": "with", "adn": "and", "nad": "and",
    "recieve": "receive", "recieved": "received", "recieves": "receives", "reciept": "receipt",
    "seperate": "separate", "seperated": "separated", "seperately": "separately", "definately": "definitely",
    "definitly": "definitely", "wich": "which", "becuase": "because", "beacuse": "because", "becasue": "because",
    "occured": "occurred", "occuring": "occurring", "adress": "address", "adresses": "addresses",
    "begining": "beginning", "beleive": "believe", "calender": "calendar", "enviroment": "environment",
    "existance": "existence", "goverment": "government", "happend": "happened", "immediatly": "immediately",
    "independant": "independent", "langauge": "language", "libary": "library", "neccessary": "necessary",
    "necesary": "necessary", "publically": "publicly", "recomend": "recommend", "recomendation": "recommendation",
    "refered": "referred", "succesful": "successful", "successfull": "successful", "tommorow": "tomorrow",
    "tomorow": "tomorrow", "untill": "until", "wierd": "weird", "writting": "writing", "wirte": "write",
    "wriet": "write", "scirpt": "script", "funtion": "function", "fucntion": "function", "alot": "a lot",
    "abt": "about", "ppl": "people", "smth": "something", "sth": "something", "wanna": "want to",
    "gimme": "give me", "cuz": "because", "coz": "because", "becoz": "because", "thru": "through", "tho": "though",
    "shoud": "should", "shuold": "should", "woudl": "would", "coudl": "could", "peopel": "people",
    "freind": "friend", "freinds": "friends", "buisness": "business", "bussiness": "business",
    "acheive": "achieve", "accross": "across", "arguement": "argument", "basicly": "basically",
    "comming": "coming", "commited": "committed", "diffrent": "different", "embarass": "embarrass",
    "finaly": "finally", "foward": "forward", "grammer": "grammar", "knowlege": "knowledge",
    "maintainance": "maintenance", "noticable": "noticeable", "posible": "possible", "prefered": "preferred",
    "proffesional": "professional", "profesional": "professional", "realy": "really", "relevent": "relevant",
    "responce": "response", "similiar": "similar", "sucess": "success", "suprise": "surprise",
    "truely": "truly", "usefull": "useful", "websight": "website", "wether": "whether",
    "u": "you", "ur": "your", "pic": "picture", "pics": "pictures", "algorythm": "algorithm",
    "pyhton": "Python", "javascirpt": "JavaScript", "explane": "explain", "explian": "explain", "plese": "please",
    "pleas": "please", "beautifull": "beautiful", "lenght": "length", "heigth": "height", "widht": "width",
    "litle": "little", "ourselfs": "ourselves", "themselfs": "themselves", "yr": "year", "yrs": "years",
}  # fmt: skip

# Words by their sound, before which "a" is certainly wrong.
AFTER_AN = (
    "ad|advert|animation|api|app|apple|application|article|email|engineer|essay|example|excel|idea|illustration|image|"
    "info|intro|introduction|invitation|invoice|office|online|outline|overview"
)

PROPER = {
    "javascript": "JavaScript", "typescript": "TypeScript", "html": "HTML", "css": "CSS", "json": "JSON",
    "sql": "SQL", "csv": "CSV", "pdf": "PDF", "pdfs": "PDFs", "api": "API", "apis": "APIs", "url": "URL",
    "urls": "URLs", "http": "HTTP", "https": "HTTPS", "tcp": "TCP", "udp": "UDP", "dns": "DNS", "ios": "iOS",
    "iphone": "iPhone", "ipad": "iPad", "macos": "macOS", "github": "GitHub", "youtube": "YouTube",
    "linkedin": "LinkedIn", "instagram": "Instagram", "tiktok": "TikTok", "aws": "AWS", "ui": "UI", "ux": "UX",
    "seo": "SEO", "faq": "FAQ", "faqs": "FAQs", "postgresql": "PostgreSQL", "mysql": "MySQL", "wordpress": "WordPress",
    "usa": "USA", "uk": "UK", "cpu": "CPU", "gpu": "GPU", "saas": "SaaS", "b2b": "B2B", "english": "English",
    "german": "German", "french": "French", "spanish": "Spanish", "italian": "Italian", "chinese": "Chinese",
    "japanese": "Japanese", "xml": "XML", "yaml": "YAML", "cli": "CLI", "ceo": "CEO", "hr": "HR",
    "monday": "Monday", "tuesday": "Tuesday", "wednesday": "Wednesday", "thursday": "Thursday", "friday": "Friday",
    "saturday": "Saturday", "sunday": "Sunday", "christmas": "Christmas", "halloween": "Halloween",
    "google": "Google", "facebook": "Facebook", "whatsapp": "WhatsApp", "netflix": "Netflix", "spotify": "Spotify",
    "chatgpt": "ChatGPT", "london": "London", "paris": "Paris", "rome": "Rome", "berlin": "Berlin", "tokyo": "Tokyo",
    "madrid": "Madrid", "italy": "Italy", "france": "France", "germany": "Germany", "spain": "Spain", "japan": "Japan",
    "europe": "Europe", "european": "European",
}  # fmt: skip

PROPER_IN_CODE = {
    "python": "Python", "java": "Java", "django": "Django", "flask": "Flask", "react": "React", "kotlin": "Kotlin",
    "postgres": "Postgres", "docker": "Docker", "kubernetes": "Kubernetes", "php": "PHP", "excel": "Excel",
    "linux": "Linux", "windows": "Windows", "typescript": "TypeScript", "golang": "Go", "android": "Android",
}  # fmt: skip
"""Ordinary words in other prompts: a python may be a snake."""
