from larder import Cache, ManualClock, memoize


def test_a_function_is_called_once_per_argument() -> None:
    calls: list[int] = []

    @memoize(Cache(8, clock=ManualClock()))
    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    assert [double(2), double(2), double(3)] == [4, 4, 6]
    assert calls == [2, 3]


def test_an_answer_is_forgotten_at_its_deadline() -> None:
    clock = ManualClock()
    calls: list[None] = []

    @memoize(Cache(8, clock=clock), ttl=60)
    def answer() -> None:
        calls.append(None)

    answer()
    clock.advance(59)
    answer()
    clock.advance(1)
    answer()

    assert len(calls) == 2
