"""The words and phrases that give a task away, with the weight of each. Read by `task_type`.

Keys are values of `TaskType`; phrases are lower case, at most four words, apostrophes dropped, and cover their
plural in -s. A longer phrase hides the shorter ones inside it ("cover letter" hides "letter"), so a phrase filed under
`general` with weight 0 stops a misleading word ("user story").
"""

from collections.abc import Mapping

CUES: Mapping[str, Mapping[float, str]] = {
    "poetry": {
        7: "haiku, sonnet, limerick, villanelle, poem, acrostic, gedicht, poème, poema, soneto, poesia, free verse, "
        "love poem, liebesgedicht, gedichte",
        5: "poetry, ballad, ode, ode to, lyrics, song lyrics, rap verse, song about, elegy, couplet, nursery rhyme",
        2: "rhyme, rhyming, verse, stanza, rhymes, poetic",
    },
    "code": {
        8: "write code, python script, bash script, shell script, powershell script, sql query, unit test, "
        "regular expression, stack trace, code review, pull request, lambda function, python function, "
        "javascript function, write a function, github action",
        6: "regex, refactor, debug, traceback, dockerfile, rest api, api endpoint, cron job, leetcode, segfault, "
        "pytest, terraform, makefile, command line tool, write a program, data structure, graphql, code snippet, "
        "vba macro, excel macro, web scraper, discord bot, type error, syntax error",
        4: "code, script, algorithm, function, compile, sql, bash, typescript, javascript, python, java, golang, "
        "c++, c#, rust, php, kotlin, powershell, numpy, pandas, cli, skript, programm, funktion, código, "
        "fonction, función, programa, scrape, parser, compiler, linter, webhook, backend, microservice, docker, "
        "kubernetes, program, bug, exception, endpoint",
        2: "api, json, csv, parse, database, class, method, loop, array, string, library, automate, implement, query, "
        "sort, server, swift, ruby, excel formula, git, variable, crash, error",
    },
    "app": {
        8: "ios app, android app, mobile app, iphone app, web app, desktop app, chrome extension, browser extension, "
        "saas app, flutter app, react native, habit tracker, todo app, to-do app, crud app, web application, "
        "browser game, mobile game, phone app",
        6: "app for, app that, app where, app to, app, saas, mvp, browser plugin, smartphone-app, aplicación, "
        "application mobile, mobile application, aplicación móvil, video game, platformer",
        4: "dashboard, chatbot, application, marketplace, admin panel, telegram bot, slack bot, game, gui",
        2: "platform, prototype, onboarding, push notification, user login",
    },
    "web": {
        9: "landing page, landingpage, web page, webpage, portfolio site, online store, online shop, homepage, "
        "home page, página web, site web, wordpress site, web design, personal site, squarespace, shopify store",
        7: "website, webseite, web site, sitio web, internetseite, one-pager",
        4: "html, css, hero section, wordpress, navbar, tailwind, e-commerce, ecommerce, web shop, webshop, site, "
        "contact form, footer",
        2: "responsive, frontend, front-end, seo, mobile friendly, webpages, menu page",
    },
    "creative": {
        9: "short story, bedtime story, fairy tale, flash fiction, movie script, film script, screenplay, "
        "kurzgeschichte, fan fiction, fanfic, science fiction story, ghost story, origin story, backstory",
        6: "story, novel, novella, monologue, worldbuilding, world building, d&d campaign, geschichte, histoire, "
        "historia, cuento, märchen, conte, plot twist, stage play, fable, murder mystery, sitcom, story about",
        3: "fiction, character, protagonist, dialogue, plot, villain, chapter, tale, narrator, fantasy world, "
        "opening scene, roleplay, imagine a world",
    },
    "content": {
        9: "blog post, blogpost, blog article, linkedin post, instagram caption, press release, cover letter, "
        "application letter, job application, product description, ad copy, newsletter, email campaign, "
        "job description, job posting, facebook ad, facebook post, social media post, twitter thread, tweet, "
        "motivation letter, sales email, youtube script, video script, podcast script, white paper, wedding speech, "
        "letter of recommendation, resignation letter, recommendation letter, thank you note, bewerbungsschreiben, "
        "lettre de motivation, carta de presentación, article de blog, blogbeitrag, case study, follow-up email, "
        "instagram post, instagram story, cold email, meta description, best man speech, script for a video, "
        "script for a youtube",
        6: "email, e-mail, mail an, article, essay, speech, caption, slogan, tagline, headline, artikel, artículo, "
        "correo, courriel, tweets, memo, copywriting, brochure, flyer text, letter, eulogy, toast, elevator pitch, "
        "business proposal, grant proposal, lebenslauf, discurso, rede, ensayo, marketing copy, carta, brief an",
        4: "resume, cv, social media, blog, post about, announcement, invitation, bio, report, proposal, pitch, "
        "testimonial, faq, presentation, hashtag, linkedin, survey, statement of purpose, script for",
        2: "post, copy, message, audience, marketing, audience engagement",
    },
    "explanation": {
        7: "eli5, difference between, help me understand, unterschied zwischen, différence entre, "
        "diferencia entre, like im five, like i am 5, like im 5",
        5: "in simple terms, in simple words, step by step explanation, pros and cons of, what happens when, "
        "for a beginner, i dont understand, what does it mean",
        2: "explain, explanation, how it works, how they work, beginner, understand, meaning of",
    },
    "image": {
        9: "photo of, photograph of, oil painting, painting of, illustration of, portrait of, image of, drawing of, "
        "picture of, pic of, render of, 3d render, sketch of, cinematic lighting, trending on artstation, "
        "octane render, photorealistic, pixel art, digital art, concept art, watercolor painting, "
        "generate an image, foto von, photo de, foto de, bild von, image dune, imagen de, gemälde, stable diffusion, "
        "midjourney, dall-e, line art, vector art, wallpaper of, black and white photo, product shot, close-up of, "
        "closeup of, ein bild von, poster of, sticker of, icon of, cinematic shot, painting",
        6: "logo, 8k, bokeh, depth of field, ultra realistic, hyperrealistic, golden hour, volumetric, "
        "volumetric light, "
        "wide shot, 35mm, 85mm, watercolor, watercolour, anime style, studio lighting, low poly, comic style, "
        "unreal engine, artstation, aerial view, wide angle, soft lighting, rim light, vaporwave, album cover, "
        "book cover, thumbnail image, ghibli, studio ghibli, illustration, artwork, isometric, macro shot, closeup",
        3: "4k, hd, poster, wallpaper, portrait, photo, photograph, image, picture, icon, cinematic, close-up, mural, "
        "dramatic lighting, highly detailed, moody, silhouette, backlit, surreal, tattoo design, t-shirt design",
    },
    "general": {
        0: "user story, picture this, success story, love story short, training program, exercise program, "
        "loyalty program, dress code, zip code, area code, promo code, discount code, code of conduct, big picture, "
        "class of, first class, class trip, movie script writer, exchange program, board game, video games, "
        "body image, brand image, self image, word problem, bed bug, rust belt, application deadline, error rate, "
        "tv program, workout program, qr code, code name, customer service, social class, middle class, error message",
        6: "meal plan, workout plan, travel itinerary, itinerary, recipe, shopping list, packing list, study plan, "
        "budget plan, business idea, gift idea, to-do list, training plan, rezept, receta, recette",
    },
}

OPENINGS: Mapping[str, Mapping[float, str]] = {
    "code": {4: "refactor, debug, implement, code, program, programmiere, write code", 3: "fix, optimize, port"},
    "app": {2: "build, develop, entwickle"},
    "web": {1: "build"},
    "poetry": {5: "rhyme, dichte"},
    "creative": {3: "imagine a world, once upon, tell me a story, continue the story"},
    "content": {2: "draft, announce", 4: "reply to, respond to"},
    "explanation": {
        10: "explain, explains, what is, what are, what does, what do, whats, why do, why does, why is, why are, "
        "why did, "
        "why was, how does, how do, how is, how are, how did, help me understand, teach me, describe how, eli5, "
        "walk me through, define, clarify, what happens, what causes, erkläre, erklär, erkläre mir, erklär mir, "
        "was ist, was sind, warum, wieso, wie funktioniert, explique, explique-moi, explain to me, pourquoi, "
        "quest-ce que, comment fonctionne, comment marche, explica, explícame, qué es, por qué, cómo funciona, "
        "what was, how was, what were, why cant, why cant i, difference between, explain why, explain how, "
        "explain what",
        8: "i want to learn, i need to learn, learn, i want to know, i need to understand, how to, how do i, "
        "how can i, how would i, how should i, wie kann ich, comment faire, cómo puedo",
        6: "tell me about, what makes, who was, who is, when did, where does, tell me how, tell me why, compare, "
        "i want to understand, i dont understand, teach, who were, show me how, can someone explain, understand",
    },
    "image": {
        8: "draw, paint, sketch, illustrate, imagine prompt, zeichne, male, dessine, dibuja, photograph, "
        "draw a picture",
    },
    "general": {
        12: "translate, summarize, summarise, traduis, traduce, übersetze, resume this, tldr, resume el, résume, "
        "fasse zusammen",
        10: "plan, recommend, suggest, what is a good, what are good, whats a good, whats the best, what are some, "
        "what is the best, what are the best, draw up, list, brainstorm, give me ideas, help me choose, "
        "help me decide, calculate, plane, what should i, what are some good, which, should i, play, act as",
    },
}

REQUEST_WORDS = frozenset({
    "write", "create", "make", "build", "generate", "design", "develop", "draft", "compose", "need", "want", "give",
    "produce", "draw", "paint", "code", "program", "prepare", "craft", "schreibe", "schreib", "erstelle", "baue",
    "entwickle", "brauche", "écris", "rédige", "crée", "fais", "génère", "escribe", "crea", "haz", "genera", "redacta",
    "necesito", "construye",
})  # fmt: skip
"""A cue soon after one of these is what the person asks for rather than what they talk about."""

SUBJECT_WORDS = frozenset({"that", "which", "who", "whose", "where", "about", "with", "for", "using", "über", "sobre"})
"""After one of these a prompt describes the thing it asks for."""
