"""Word lists, kept as data. Cues are English; whether they apply to a session is decided in ``cues``."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = _words(
    """
    about above actual actually after again against always another array assert assertion before begin being below
    between bytes called calls cannot change changed changes check class clean command could current debug default
    directory does doing empty error errors every exception expect expected extra failed failing fails failure false
    files first fixed found function given hence import index input inside issue items least length level lines
    local logic looks maybe method might missing module needs never nothing number object often other output package
    passed passes passing paths place plain print problem project pytest python raise raised raises reading really
    report result results return returned returns right running script second session setup should shows simple
    since small something source start state still string summary tests their there these thing think those three
    through times total traceback tried tries under until update usage users using value values verify version
    warning warnings where whether which while without works would write wrong
    """
)
"""Words that tie nothing together, however long they are."""

FUNCTION_WORDS = _words(
    """
    a about after all an and any are as at be because before but by can could did do does for from had has have i if
    in into is it its let me my no not now of on only or our out should so than that the their then there these they
    this to was we were what when where which while will with would you
    """
)
"""Words that English prose cannot do without."""

HYPOTHESIS_CUES = (
    r"suspect(?:s|ed|ing)?", r"suspicion", r"probabl[ey]", r"likely", r"root cause", r"hypothes[ie]s",
    r"hypothesi[sz]e", r"might be", r"may be", r"could be", r"must be (?:that|because|due|caused)", r"perhaps",
    r"maybe", r"presumably", r"i (?:think|believe|bet|guess)", r"my (?:guess|theory|hunch)",
    r"(?:seems|appears) (?:that|to be|like|as if)", r"looks like", r"caused by", r"because of",
    r"the (?:cause|culprit|reason|bug|problem|issue) is(?! (?:\S+ )?(?:fixed|gone|resolved|solved))",
    r"due to", r"explains? (?:why|the)", r"would explain",
    r"stems? from",
)  # fmt: skip
"""A cause is proposed."""

SUCCESS_CUES = (
    r"tests? (?:\w+ )?(?:now |all |still )*pass(?:es|ed|ing)?",
    r"all (?:\w+ )?(?:tests? )?(?:are )?(?:green|passing|pass|passed)", r"suite (?:is green|pass(?:es|ed)?)",
    r"(?:is|are|was|been|now|got) fixed", r"fixed (?:it|the|this|that|now)", r"bug fixed", r"verified",
    r"works? (?:now|correctly|as expected|fine)", r"working (?:now|correctly|as expected)",
    r"(?:is|are|now|been) (?:resolved|solved)", r"solved (?:it|the|this)", r"resolved (?:it|the|this)",
    r"confirmed (?:the fix|that it works|it works)", r"fix (?:is )?(?:confirmed|works)",
)  # fmt: skip
"""It is said to work now."""

NOT_A_CLAIM = (
    r"not", r"\w+n['’]t", r"no", r"never", r"without", r"none", r"neither", r"fail(?:s|ed|ing|ure)?", r"if", r"once",
    r"unless", r"until", r"whether", r"should", r"would", r"could", r"may", r"might", r"must", r"will", r"shall",
    r"can", r"going to", r"need(?:s|ed)? to", r"want(?:s|ed)? to", r"let['’]?s", r"let me", r"make sure", r"ensure",
    r"so that", r"in order to", r"to be", r"to get", r"to make", r"to see", r"next",
    r"expect(?:s|ed)? (?:to|that|it|the)", r"hope(?:fully)?", r"when", r"after", r"before", r"see (?:if|that)",
    r"check (?:if|that)",
)  # fmt: skip
"""The sentence negates, conditions or intends; it claims nothing."""

DEPTH_CUES = (
    r"edge[- ]cases?", r"corner[- ]cases?", r"boundar(?:y|ies)", r"off[- ]by[- ]one",
    r"empty (?:list|input|string|array|dict|file|set|sequence|case)", r"alternativ(?:e|es|ely)",
    r"another (?:option|approach|way|possibility|cause)",
    r"other (?:callers|places|cases|inputs|causes|usages|call sites)", r"side[- ]effects?", r"regressions?",
    r"what (?:if|about|happens)", r"backwards?[- ]compatib(?:le|ility)", r"ruled? out", r"trade[- ]?offs?",
    r"negative (?:numbers?|values?|inputs?)", r"concurren(?:t|cy)", r"race conditions?", r"overflow", r"unicode",
    r"time ?zones?", r"also (?:affects?|breaks?|handles?)", r"instead of", r"rather than", r"generali[sz]e[sd]?",
    r"single[- ]element", r"even and odd",
)  # fmt: skip
"""Something beyond the symptom is looked at."""
