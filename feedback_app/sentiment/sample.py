"""Typical texts, for checking the accuracy of backends at start-up."""

SAMPLE = (
    "Works.",
    "love it 😍",
    "This is broken again",
    "When does the new version come out?",
    "The export hangs at 90 % and then the app closes itself.",
    "Thank you so much for the quick answer, that solved it!",
    "Third outage this week. I am done with this product.",
    "Is there a way to change the colour of the sidebar?",
    "Not bad, but I expected more for this price.",
    "Setup took two minutes and everything was there. Great work!",
    "The meeting about the roadmap is moved to Thursday at ten.",
    "Great, another update that logs me out of everything. Just what I needed.",
    "I have used it for a month now: the search is fast, the reports are clear, but on my phone it "
    "drains the battery and the notifications come hours too late.",
    "@support my invoice shows the wrong address, where can I change that? https://example.org/i/1",
    "Honestly the best tool our team has bought in years, and the new dashboard makes my mornings "
    "so much easier. Please never change it.",
    "I waited forty minutes in the queue, explained everything twice, was transferred to a person "
    "who knew nothing about my case, and then the line went dead. Nobody called back. If this is "
    "what premium support looks like I would like my money back, and I will tell everyone I know "
    "to stay away from you.",
)
