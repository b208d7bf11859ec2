"""Visitors' own clips: kept for a day, worked through one at a time by a process of their own, and deleted.

::

    film       one clip on disk: what it is, what is wished for, how far it is
    child      the process that works on one
    attended   what runs in that process
    filming    all clips of a studio: taking in, the queue, deletion
    telling    what the page is told of one
    takeaway   what can be saved of one
    routes     how the page asks
"""
