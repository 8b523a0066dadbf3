"""Every kind of work that is sent. See base.py for what a kind is."""

from chaos.kinds.crowd import Keyed, Limited, Minnow, Urgent, Whale
from chaos.kinds.doors import Garbage, Outbox, OutboxWithId, Twice, Unheard
from chaos.kinds.failing import Embedding, Exhausted, Flaky, Permanent
from chaos.kinds.pausing import Cancelled, Fan, FanTx, InVain, Invoker, InvokerOfFailure, Waiter
from chaos.kinds.plain import Again, Deaf, Each, Echo, Future, Paid, Plain, Sender, Sleeper, Tx
from chaos.kinds.rules import Batch, Debounced, DebouncedAll, Newest, Once, Rate, Single, Throttled, Timed

KINDS = [Plain, Future, Deaf, Tx, Again, Sleeper, Each, Sender, Echo, Paid, Flaky, Exhausted, Permanent, Embedding, Twice,
         Unheard, Garbage, Outbox, OutboxWithId, Limited, Keyed, Urgent, Whale, Minnow, Waiter, InVain, Invoker,
         InvokerOfFailure, Fan, FanTx, Cancelled, Rate, Throttled, Once, Single, Newest, Timed, Batch, Debounced,
         DebouncedAll]
