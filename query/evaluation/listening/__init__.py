"""A listening test: what is played to whom in which order, and what they say.

No page is here; a page needs this much of it:

    made = plan.make(study, where)            what is heard, fixed by the study and its seed
    path, state = store.place(study, made)    one SQLite file for each version of a study
    kept = store.Store(path, made, state)
    joined = kept.join("en")                  after consent: a random id, and a withdrawal code
    kept.passed(joined.rater, 6)              how many of headphones.trials(seed) were right
    step = kept.next(joined.rater)            what to play and rate; None at the end
    kept.rate(joined.rater, step.place, fit=4, quality=5, played=3.2)
    kept.withdraw(joined.code)                everything of that person is gone
    exclusion.judge(kept.sessions(), made.listening.rules)      who does not count

A picture lies at step.trial.picture; its sound, step.trial.file, is played at step.trial.gain dB.

`texts` has the words in English and Spanish.
"""
