"""Runs a call's steps over nothing: a list of replies, and a clock of its own."""

from serving.client.steps import Send


class Conversation:
    """Answers what is sent with the next reply.

    Attributes:
        sent: Every Send, in order.
        pauses_s: Every pause.
        now_s: What the clock says.
    """

    def __init__(self, *replies, reply_takes_s=0.0):
        self.replies = list(replies)
        self.reply_takes_s = reply_takes_s
        self.sent, self.pauses_s, self.now_s = [], [], 100.0

    def clock(self):
        return self.now_s

    def run(self, steps):
        came = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                return end.value
            came = None
            if isinstance(step, Send):
                self.sent.append(step)
                self.now_s += self.reply_takes_s
                came = self.replies.pop(0)
            else:
                self.pauses_s.append(step.seconds)
                self.now_s += step.seconds
