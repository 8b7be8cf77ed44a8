"""Where people come from and how they are paid: Prolific, a plain link, a lab.

``sections``      what a definition says about it
``arrival``       who stands at the door, and whether that is confirmed
``completion``    which code, address and sentence a session ends with
``submissions``   what the platform says became of a submission, and what follows
``webhooks``      the platform tells us; ``reconciliation``: we ask it
``payments``      approval and bonus lists; ``costs``: what it costs, whether it is fair
``lint``          refuses a rejection that the platform forbids
``lab``           an experimenter starts sessions one after another
"""
