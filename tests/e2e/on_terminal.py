"""Runs a command on a terminal of a given size, and prints what it drew there: `on_terminal.py COLUMNS ROWS COMMAND…`."""

import fcntl
import os
import pty
import struct
import sys
import termios

columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    # The size is set by the other side before this one goes on.
    sys.stdin.readline()
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
os.write(terminal, b"\n")
drawn = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:  # the other side has ended
        break
    if not read:
        break
    drawn += read
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(drawn)
sys.exit(os.waitstatus_to_exitcode(status))
