"""Closing gently, on a machine that is at its end."""

import socket
import threading

from imaged.httpd.linger import Linger


def test_without_a_thread_to_spare_one_connection_is_closed_at_once_and_the_next_one_gently(monkeypatch):
    linger = Linger()
    pairs = [socket.socketpair() for _ in range(2)]

    def exhausted(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", exhausted)
        linger.add(pairs[0][0])
    linger.add(pairs[1][0])
    for ours, _ in pairs:
        ours.close()

    (_, hasty), (_, gentle) = pairs
    for theirs in (hasty, gentle):
        theirs.settimeout(30)
        assert theirs.recv(1) == b"", "our side has ended"
    gentle.sendall(b"what was still on its way")
    gentle.close()
    hasty.close()
    linger.close()
