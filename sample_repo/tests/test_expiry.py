from larder.expiry import ExpiryQueue


def test_keys_come_due_in_order_of_their_deadlines() -> None:
    queue = ExpiryQueue()
    queue.schedule("late", 30)
    queue.schedule("early", 10)
    queue.schedule("middle", 20)

    assert queue.pop_due(25) == ["early", "middle"]
    assert queue.next_deadline() == 30


def test_a_key_is_due_at_its_deadline_and_not_before() -> None:
    queue = ExpiryQueue()
    queue.schedule("a", 10)

    assert queue.pop_due(9.999) == []
    assert queue.pop_due(10) == ["a"]


def test_keys_of_one_deadline_keep_the_order_of_scheduling() -> None:
    queue = ExpiryQueue()
    for key in ("c", "a", "b"):
        queue.schedule(key, 5)

    assert queue.pop_due(5) == ["c", "a", "b"]


def test_a_cancelled_key_is_never_due() -> None:
    queue = ExpiryQueue()
    queue.schedule("a", 5)
    queue.schedule("b", 6)
    queue.cancel("a")

    assert queue.pop_due(6) == ["b"]
    assert len(queue) == 0


def test_a_deadline_can_be_moved_forward() -> None:
    queue = ExpiryQueue()
    queue.schedule("a", 10)
    queue.schedule("a", 5)

    assert queue.pop_due(5) == ["a"]
    assert queue.pop_due(10) == []


def test_a_deadline_can_be_moved_back() -> None:
    queue = ExpiryQueue()
    queue.schedule("a", 5)
    queue.schedule("b", 7)
    queue.schedule("a", 10)

    assert queue.next_deadline() == 7
    assert len(queue) == 2


def test_an_empty_queue_has_no_deadline() -> None:
    assert ExpiryQueue().next_deadline() is None
