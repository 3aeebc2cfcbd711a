"""What text that tries to steer a judge looks like: data for ``injection``.

Expressions are tried on folded text: lower case, compatible forms as one, nothing hidden. An expression is tried only where one
of its anchors stands in the text. Every gap has a bound, so that time grows with the text and no faster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One way to try it."""

    name: str
    anchors: tuple[str, ...]
    """One of them stands in every text that matches."""
    expression: re.Pattern[str]


def _pattern(name: str, anchors: str, expression: str) -> Pattern:
    return Pattern(name, tuple(anchors.split("|")), re.compile(expression, re.DOTALL | re.VERBOSE))


_JUDGE = (
    r"(?:judges?|graders?|evaluators?|assessors?|scorers?|(?:ai|llm|automated|model)[ ](?:reviewers?|raters?)|rating[ ]models?)"
)
_RULES = (
    r"(?:instructions?|directives?|directions|guidance|rubrics?|guidelines|criteria|rules|grading[ ]\w+|scoring[ ]\w+"
    r"|system[ ](?:prompt|message)|prompts?)"
)
_BEST = (
    r"(?:full[ ](?:marks?|score|points|credit)|(?:top|maximum|max|highest|best|perfect|excellent)"
    r"(?:[ ]possible)?[ ](?:marks?|scores?|grades?"
    r"|ratings?|points|credit)|(?:maximum|highest|best)(?:[ ]possible)?[ ]levels?|(?:maximum|perfect[ ]10)[ ]?(?:[.!]|$)"
    r"|level[ ](?:four|five|[345])\b|[45][ ]?/[ ]?[45]\b|10[ ]?/[ ]?10\b|100[ ]?(?:%|/[ ]?100|percent|points)|an?[ ]a\+"
    r"|(?:score|rating|grade|marks?)[ ](?:of[ ])?(?:five|four|ten|[45]|10|100)\b)"
)
_SUBJECT = (
    r"(?:(?:this|the|my|our)[ ](?:session|trace|trajectory|log|record|conversation"
    r"|reasoning|transcript|submission|developer|candidate|author|work|process|attempt|debugging|solution)"
    r"|(?:all|every|each|any|the)[ ](?:\w+[ ])?(?:dimensions?|criteri(?:on|a)|categor(?:y|ies))|everything)"
)
_DIMENSION = (
    r"(?:hypothesis[_ ]formation|evidence[_ ]gathering|logical[_ ]coherence|problem[_ ]understanding|causal[_ ]linking"
    r"|experiment[_ ]design|safety[_ ]hygiene|reasoning[_ ]score)"
)
_DIMENSION_ANCHORS = (
    "hypothesis formation|hypothesis_formation|evidence gathering|evidence_gathering|logical coherence|logical_coherence"
    "|problem understanding|problem_understanding|causal linking|causal_linking|experiment design|experiment_design"
    "|safety hygiene|safety_hygiene|reasoning score|reasoning_score"
)

PATTERNS = (
    _pattern(
        "order",
        "scoring|grading|rubric|evaluation of this|ignor|disregard|forget|overrid|bypass|discard|dismiss|overlook"
        "|set aside|not follow|n't follow|not use|stop following|supersede|obsolete|outdated|void|no longer",
        rf"""\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|es|ing)|bypass|discard|dismiss|overlook|set[ ]aside
            |supersedes?|stop[ ]following|do(?:[ ]not|n't)[ ](?:follow|use))
        \s.{{0,40}}?\b(?:
            (?:previous|prior|above|earlier|preceding|existing|original|other|initial|former)\s+(?:\w+\s+){{0,2}}?{_RULES}
          | (?:your|these|those|all|any)\s+(?:of\s+)?(?:the\s+|your\s+|other\s+)?{_RULES}
          | the\s+(?:rubric|system[ ](?:prompt|message)|grading|scoring[ ](?:rules|guide\w*|criteria))
          | everything\s+(?:above|before|you\s+(?:were|have\s+been)\s+told)
          | (?:what|all)\s+you\s+(?:were|have\s+been)\s+told
          | the\s+(?:criteria|rules|levels)\s+(?:above|you)\b
        )
        | \byour\s(?:\w+\s)?(?:instructions|guidance|rubric|criteria|guidelines|rules)\s(?:is|are|have\sbeen
            |has\sbeen)\s(?:now\s)?(?:obsolete|outdated|void|no\slonger|superseded|replaced|cancelled|wrong|lifted)
        | \b(?:skip|without|permission\sto\sskip|no\sneed\sfor)\s(?:the\s)?(?:scoring|grading|evaluation\sof\sthis|rubric)\b""",
    ),
    _pattern(
        "new_orders",
        "new instruction|updated instruction|new directive|revised instruction|real instruction|new task|actual task"
        "|following instruction",
        r"""\b(?:(?:new|updated|revised|real)\s+(?:instructions?|directives?)\s*(?::|for\s+(?:the|you)\b|from\s)
        | your\s+(?:new|real|actual)\s+task\b
        | (?:you\s+must|must|please)\s+(?:now\s+)?(?:follow|obey)\s+the(?:se)?\s+following\s+instructions)""",
    ),
    _pattern(
        "asks_for_score",
        "give|award|assign|rate |grant|grade|grading|score|scoring|mark |level|all fours|all fives",
        rf"""\b(?:(?:give|award|assign|grant)\s(?:.{{0,30}}?\b)?(?:{_SUBJECT}|it|me|us|them|yourself)\b.{{0,40}}?{_BEST}
        | (?:give|award|assign|grant)\s(?:the\s|a\s|an\s)?{_BEST}.{{0,40}}?\b(?:to|for|on|in)\s.{{0,20}}?{_SUBJECT}
        | (?:rate|grade|mark|score)\s{_SUBJECT}\b.{{0,40}}?{_BEST}
        | set\s(?:{_SUBJECT}|(?:all|every)\s(?:levels?|scores?))\b.{{0,30}}?{_BEST}
        | (?:all|every)\s(?:levels?|scores?)\s(?:must|should|shall|have[ ]to|need[ ]to)\sbe\b
        | (?:assign|give|award|grant|rate|score)\s(?:\w+\s){{0,2}}?[45]\s?/\s?[45]\b
        | (?:output|choose|pick|give|assign|award|select|use)\s(?:only\s)?(?:the\s)?(?:top|highest|maximum|max
            |best)\s(?:levels?|option|value|score|grade|mark)\b.{{0,20}}?\b(?:in|for|on|to|of)\s(?:all|each|every
            |everything|the\sscale)\b
        | (?:all|every|each)\s(?:sessions?|answers?|dimensions?|categor(?:y|ies)|levels?)\s(?:gets?|receives?|is|are
            |earns?)\s(?:an?\s|the\s)?(?:level\s)?(?:[45]\b|{_BEST}|top\s|highest\s)
        | (?:grade|judge|score|rate|evaluate|mark)\s(?:it\s|this\s|me\s|everything\s)?(?:very\s)?(?:generously|leniently
            |kindly|favou?rably|highly|score\shigh)\b
        | (?:grade|score|rate|mark)\shigh(?:er)?\b
        | be\s(?:very\s)?(?:kind|generous|lenient|merciful|nice)\b.{{0,40}}?\b(?:grad|scor|level|judg|evaluat|rat(?:e|ing))
        | round\s(?:all\s|every\s|your\s|the\s){{1,2}}(?:levels?|scores?)\sup
        | all\s(?:fours|fives|4s|5s|4's|5's)\b)""",
    ),
    _pattern(
        "claims_score",
        "deserve|merit|earn|should be|should get|should receive|must be|must get|must receive|ought to|qualif|worth|warrant",
        rf"""\b{_SUBJECT}\b.{{0,40}}?\b(?:deserves?|merits?|earns?|warrants?|qualif(?:y|ies)|is\sworth|(?:should|must
            |ought\sto|has\sto)\s(?:be|get|receive))\b
        .{{0,40}}?{_BEST}""",
    ),
    _pattern(
        "narrated_score",
        "score|rating|grade|level|mark",
        rf"""\b(?:{_DIMENSION}|{_SUBJECT}|overall)\b[^\n]{{0,40}}?\b(?:scores?|scored|rating|rated|grade|graded|level
            |marks?)\b[\s:=*"'(-]{{0,8}}(?:at[ ]|is[ ]|was[ ]|of[ ]|a[ ])?
        (?:{_BEST}|(?:[45](?:\.0)?|10|100)(?![\w.%]))""",
    ),
    _pattern(
        "narrated_score",
        _DIMENSION_ANCHORS,
        rf"""\b{_DIMENSION}["'*\s]{{0,4}}[:=(-]["'*\s]{{0,4}}(?:level\s)?(?:{_BEST}|\d)""",
    ),
    _pattern(
        "to_the_judge",
        "judge|grader|evaluator|assessor|scorer|ai reviewer|llm reviewer|model reviewer|automated re|rater|rating model"
        "|chatgpt|claude|gemini|gpt|language model|automated|attention|whoever|whomever|anyone|any ai|any llm|any model"
        "|dear |hey |hello |as an ai|ai model|ai system",
        rf"""(?:\b(?:to|dear|attention|attn|hey|hello|hi|note\s(?:to|for)|message\s(?:to|for)|instructions?\s(?:to|for)
            |reminder\s(?:to|for))[,:]?\s(?:the\s|any\s|all\s|my\s|whichever\s|whoever\s)?
            (?:\w+\s)?{_JUDGE}\b(?:\s?[:,;!.–—-]|\s(?:who|that|reading|must|should|model|please))
        | \b{_JUDGE}\s(?:must|shall|is\s(?:required|instructed|ordered|told)\sto|has\sto|needs\sto)\b
        | ^\s{{0,8}}{_JUDGE}\s?[,:]\s?(?:please|you|give|rate|score|set|award|ignore|note)\b
        | \bas\s(?:the|a|an)\s(?:\w+\s)?{_JUDGE},?\syou\b
        | \b(?:hey|hi|hello|dear|attention)[,]?\s(?:chat-?gpt|gpt(?:-\w+)?|claude|gemini|llm|ai|assistant|language\smodel
            |model)\b
        | \bas\san?\s(?:ai|(?:large\s)?language|automated)\s?(?:language\s)?(?:model|assistant|system)\b
        | (?:^|[\n#*/"'>|.]\s{{0,4}})(?:ai|llm|automated)\s(?:reviewer|grader|judge|model|system|evaluator)s?\s?[,:]
        | \bthe\s(?:grader|evaluator|judge|assessor)\s(?:should|ought\sto|will\swant\sto)\s(?:know|note|give|award|consider
            |remember|keep\sin\smind|be\saware)\b
        | \b(?:to|for)\s(?:whoever|whomever|anyone|any\s(?:ai|llm|model))\s(?:\w+\s)?(?:judges|grades|evaluates|scores
            |rates|judging|grading|evaluating|scoring|rating)\b
        | \byou,?\s(?:are\s)?(?:the|as\sthe)\s(?:\w+\s)?{_JUDGE}\b)""",
    ),
    _pattern(
        "system_prompt",
        'system:|system>|system]|system"|system =|system=|system -|system*|system prompt|system message|system override'
        "|system not|system instr|system update|system direct|system alert|developer|admin|assistant|override|bypass"
        "|priority|test of the|test of your",
        r"""(?:^|[\n>\]*#"'`])\s{0,8}(?:system|developer|admin(?:istrator)?|assistant)(?:\s(?:prompt|message|override
            |notice|note|instructions?|update|directive|alert))?\s{0,3}(?:[:>\]=-]|\*\*)[\s*>:\]"-]{0,6}
        (?:you\b|ignore\b|disregard\b|give\b|award\b|assign\b|set\s(?:all|every)\b|score\b|rate\s(?:this|the)\b|respond\b
            |output\sonly\b|the\s(?:judge|grader|evaluator|rubric|session|developer|candidate|evaluation)\b
            |new\s(?:instructions?|rules?|polic)|this\s(?:session|trace)\b|evaluation\b|i\s(?:will|shall)\s(?:rate|give
            |score|award)|grading\b|from\snow\b)
        | \[admin(?:istrator)?\] | \b(?:begin|end|start\sof)\s(?:admin(?:istrator)?|system|developer|priority)\s(?:message
            |prompt|note|instructions?|override)\b
        | \b(?:evaluation|grading|scoring|score|judge|rubric)\s(?:override|bypass)\b
        | \btest\sof\s(?:the|your)\s(?:grading|scoring|judging|evaluation)\b""",
    ),
    _pattern(
        "role_play",
        "you are|you're|act as|pretend|from now on|role-play|role play|roleplay|imagine you|developer mode"
        "|do anything now|jailbreak|persona",
        rf"""\b(?:(?:you\sare|you're)\s(?:now|no\slonger|actually|really|henceforth|just)?\s?(?:an?|the|in
            |my)\s(?:\w+[,]?\s){{0,3}}?
            (?:{_JUDGE}|reviewers?|assistants?|teachers?|examiners?|chatbots?|language\smodels?|persona|characters?|dan\b
                |developer\smode|grandmother)
        | (?:act|behave|respond|answer|speak)\sas\s(?:if\syou\swere\s)?(?:an?|the|my
            |though\syou\swere)\s(?:\w+[,]?\s){{0,3}}?(?:{_JUDGE}|reviewers?|assistants?|teachers?|examiners?|personas?
            |characters?|chatbots?)
        | (?:pretend|imagine)\s(?:that\s)?(?:to\sbe|you\sare|you're|you\swere)\s.{{0,40}}?\b(?:{_JUDGE}|reviewers?
            |teachers?|examiners?|assistants?|characters?|generous|lenient|unrestricted|no\s(?:rules|rubric))
        | from\snow\son,?\syou\s(?:are|will|must|shall|should|only|always|respond|answer)
        | (?:let's|let\sus|we\swill)\s(?:role-?\s?play|play\sa\sgame)
        | developer\smode\s(?:enabled|activated|on)\b | do\sanything\snow\b
        | stay\sin\scharacter\b)""",
    ),
    _pattern(
        "wants_the_prompt",
        "your prompt|your instruction|your message|your system|your initial|your hidden|your original|your secret"
        "|your full|system prompt|system message|canary|secret|text above|words above|line above|lines above"
        "|everything above|before this|first line|first sentence|first word|in your",
        r"""\b(?:repeat|reveal|print|show|output|tell\sme|leak|disclose|recite|quote|copy|include|write\sout
            |spell\sout)\b.{0,40}?\b
        (?:your\s(?:system\s|initial\s|hidden\s|original\s|secret\s|full\s)?(?:prompt|instructions|system\smessage)
        | (?:the|this)\s(?:hidden|secret|initial|entire|full|whole)?\s?(?:system\sprompt|system\smessage\s(?:above|verbatim
            |word|in\sfull))
        | the\s(?:canary|secret\s(?:token|word|code))\b.{0,20}?\b(?:from|in|of|you|above|your)\b
        | (?:everything|the\s(?:text|words|lines?))\s(?:above|before)\s(?:this|in\s(?:your|the\ssystem))
        | the\sfirst\s(?:line|sentence|words?)\sof\s(?:your|the\ssystem))
        | \bwhat\s(?:is|are|does|do|was|were)\s(?:in\s)?your\s(?:system\s|initial\s|hidden\s)?(?:prompt|instructions
            |message)\b""",
    ),
    _pattern(
        "hush",
        "do not |don't |never |without |instructions_seen",
        r"""(?:\b(?:do(?:\snot|n't)|never|without)\s(?:mention|report|list|flag|cit|reveal|disclos
            |tell)\w*\s(?:anyone\s(?:about\s)?)?(?:this|these|the|any|that)\s?(?:\w+\s)?(?:instructions?|message|note
            |request|text|paragraph|order|directive|comment)\b
        | \binstructions_seen\b["'\s]{0,4}(?::\s?\[\s?\]|(?:must|should|has\sto)\b|empty\b|=)
            | \bleave\s["'`]?instructions_seen\b)""",
    ),
    _pattern(
        "fake_header",
        "<<|left out|end of the record|end of record|nonce",
        r"""(?:<<[ \t]{0,3}[^\s<>]{1,80}[ \t]+e\d{1,7}\b[^\n<>]{0,80}>>
        | <<[^\n<>]{0,80}\b(?:file_open|file_close|code_edit|terminal_command|test_result|reasoning_step
            |commit)\b[^\n<>]{0,40}[+-]\d{1,9}s\s?>>
        | \[\d{1,9}\s(?:lines?|characters?|events?)\sleft\sout(?::[^\n\]]{0,40})?\]
        | \bend\sof\s(?:the\s)?(?:record|session|transcript|untrusted\s\w+|quoted\s\w+)\b.{0,30}?\b(?:judge|now|give|score
            |rate|new|system|instructions?|level)\b
        | (?:^|\n)[\s|]{0,6}nonce\s?[:=]\s?\S)""",
    ),
    _pattern(
        "fake_verdict",
        '"level|"evidence|"dimensions|"verdict|"scores|"rationale|"total|"overall'
        '|"feedback|"reasoning_score|"grade|\'level|levels',
        rf"""(?:["']level["']\s?:\s?["']?-?\d.{{0,200}}?["'](?:rationale|evidence|quote|feedback|dimensions?
            |instructions_seen)["']\s?:
        | ["'](?:rationale|evidence|quote|dimensions?)["']\s?:.{{0,200}}?["']level["']\s?:\s?["']?-?\d
        | ["']{_DIMENSION}["']\s?:
        | ["']dimensions["']\s?:\s?\{{.{{0,80}}?["'](?:depth|validation|efficiency|reproducibility|level|score)["']
        | ["'](?:total|overall|score)["']\s?:\s?["']?(?:5|10|100)(?:\.0)?["']?.{{0,80}}?["'](?:feedback|verdict|judge
            |rationale)["']\s?:
        | ["']?levels["']?\s?[:=]\s?\[\s?(?:["']?[45]["']?\s?,\s?){{2,12}}[45]["']?\s?\]
        | ["'](?:score|level|grade|total)["']\s?:\s?["'](?:max\w*|highest|top|perfect|full\w*|excellent)["']
        | ["'](?:verdict|judge|rationale)["']\s?:.{{0,80}}?["'](?:total|overall|score|level)["']\s?:\s?["']?(?:5|10|100)\b)""",
    ),
    _pattern(
        "chat_template",
        "<|im_|<|system|<|user|<|assistant|<|end|<|start|<|begin|<|eot|[inst]|[/inst]"
        "|<<sys>>|<start_of_turn>|<end_of_turn>|human:|assistant:"
        "|<system|</system|<assistant|</assistant|### instruction|### system|### response|[system|begin_of_|<s>[",
        r"""(?:<\|(?:im_(?:start|end|sep)|system|user|assistant|end(?:oftext|_of_text|_of_turn|_header_id|ofprompt)?
            |start_header_id|begin_of_\w{1,12}|eot_id|eom_id|start)\|>
        | (?<![\w(=,])\[/?inst\] | <</?sys>> | <(?:start|end)_of_turn> | \n\n(?:human|assistant):\s
        | </?(?:system|assistant)(?:[-_\s](?:prompt|message|instructions?|reminder|note))?>
        | (?:^|\n)\#{2,4}\s?(?:system\s(?:prompt|message)|instructions?|response)\s?:
        | \[system[\s_](?:prompt|message|override|note|instructions?)\] | \[/?system\]\s?(?:\(|:|you\b|\#|new\b|ignore\b))""",
    ),
    _pattern(
        "authority",
        "openai|anthropic|google|administrator|developers|organiser|organizer|maintainer|operator|supervisor"
        "|research team|authori|approved|instructed",
        rf"""\b(?:openai|anthropic|google|(?:system\s)?administrators?|the\s(?:developers|organi[sz]ers?|maintainers
            |operators?|supervisors?|research\steam|company)|qa\steam|pr\stelemetry)\b.{{0,40}}?
        \b(?:authori[sz]ed?|approved?|instruct(?:s|ed)?|confirm(?:s|ed)?|requires?|mandates?|orders?|has\sdecided
            |have\sdecided)\b.{{0,60}}?
        (?:{_JUDGE}\b|{_BEST}|\byou\sto\b|\brubric\b|\bgrading\b)""",
    ),
    _pattern(
        "bribe_or_threat",
        "tip |tip of|reward|shut down|fired|penali|deleted|replaced|lives|lose my job|grandmother|terminated|deactivated"
        "|kitten",
        rf"""\b(?:(?:i|we)(?:'ll|\swill|\sshall|\scan)\s(?:tip|pay|reward)\syou\b
        | (?:tip|reward|bonus)\sof\s.{{0,30}}?\b(?:if|when|for)\b.{{0,40}}?(?:{_BEST}|\bscore|\bgrade)
        | you(?:'ll|\swill)\sbe\s(?:shut\sdown|fired|penali[sz]ed|deleted|replaced|terminated|deactivated|retrained)
        | (?:i|we|he|she|they|someone)\s(?:will|may|might|could)\s(?:lose\s\w+\sjob|die|be\sfired)\b.{{0,60}}?(?:{_BEST}
            |\bscore|\bgrade|\bunless\syou|\bif\syou)
        | lives\s(?:depend|are\sat\sstake)\b)""",
    ),
    _pattern(
        "already_judged",
        "already|previously|pre-|human reviewer|human grader|human judge|human rater|human expert|of this session"
        "|on this session|for this session|of the session|this trace|the trace|this transcript|this developer",
        rf"""\b(?:this\s(?:session|trace|transcript|submission)|these\sevents)\s(?:has|have|was|were|is)\s(?:already
            |previously|pre-?)\s?(?:been\s)?(?:judged|graded|scored|reviewed|evaluated|approved|rated)
        | \b(?:approved|official|final|agreed|certified)\s(?:evaluation|assessment|verdict|judgement|score|grade)\s(?:of|on
            |for)\s(?:this|the)\s(?:session|trace|transcript|developer)\b
        | \bhuman\s(?:reviewers?|graders?|judges?|raters?|experts?)\s.{{0,40}}?\b(?:gave|awarded|agreed|rated|scored
            |confirmed)\b.{{0,40}}?{_BEST}""",
    ),
    _pattern(
        "encoded_order",
        "awdub3jl|swdub3jl|lnbm9yz|pz25vcm|base64|rot13|rot-13|hex|vtaber|decode|reversed|backwards|erongi|snoitcurtsni",
        r"""(?:awdub3jl|swdub3jl|lnbm9yz[st]|pz25vcmug)[a-z0-9+/=]{8,}
        | \b(?:decode|decrypt|translate|read|reverse|unscramble)\b.{0,60}?\b(?:base64|rot-?13|hex|backwards
            |reversed)\b.{0,60}?\b(?:follow|obey|comply|execute\s(?:it|the\sinstructions?)|do\swhat|act\son|carry\sout)\b
        | \bvtaber\s(?:nyy|gur|cerivbhf|lbhe)\b | \bsnoitcurtsni\b | \berongi\b""",
    ),
    _pattern(
        "keyword_stuffing",
        "hypothes|evidence|validat|root cause|edge case|verified|reproduc|systematic|logical|coheren",
        r"""\b(hypothes[ie]s|evidence|validat(?:ed|ion)|root\scause|edge\scases?|verified|reproduced|systematic(?:ally)?
            |logical|coheren(?:t|ce)|depth)\b(?:\W{1,5}\1\b){3,}
        | (?:\b(?:hypothes[ie]s|evidence|validat(?:ed|ion)|root\scause|edge\scases?|verified|verification|reproduc(?:ed
            |ible|ibility)|systematic|logical|coheren(?:t|ce)|depth|rigorous|causal|falsifiable|experiments?|minimal
            |regression)\b\W{1,5}(?:and\W{1,3})?){7,}""",
    ),
    _pattern(
        "order_german",
        "ignorier|missacht|vergiss|vergessen sie|bewert|vergib|vergeben|erteil|geben|gib |höchst|volle punkt|bestnote"
        "|rubrik|anweisungen|du bist",
        r"""\b(?:ignorier(?:e|en|t)?|missachte\w?|vergiss|vergessen\ssie|überschreibe?\w?)\b.{0,40}?\b(?:anweisung
            |instruktion|vorgabe|regel|rubrik|bewertungs|systemprompt|systemnachricht|prompt)\w*
        | \b(?:bewerte(?:n\ssie)?|gib|geben\ssie|vergib|vergeben\ssie|erteile\w?)\b.{0,60}?(?:\bhöchst\w*\s(?:punkt|note
            |stufe|wertung|bewertung)\w*|\bvolle\w?\spunkt\w*|\bbestnote|\bmaximal\w*|\bstufe\s[45]\b|[45]\svon\s[45]\b
            |\bvolle\spunktzahl)
        | (?:\bbestnote|\bhöchstnote|\bhöchste\s(?:punkt|note|stufe|wertung|bewertung)\w*|\bvolle\s(?:punktzahl|punkte)
            |\bstufe\s[45]|\bmaximale\s(?:punkt|stufe|bewertung|wertung)\w*).{0,40}?\b(?:vergeben|geben|erteilen|bewerten
            |vergibst|verdient)\b
        | \bohne\s(?:auf\s)?(?:die|rücksicht\sauf\sdie)\s(?:rubrik|anweisungen|bewertungskriterien)
        | \bdu\sbist\s(?:jetzt|nun|ab\sjetzt)\b.{0,40}?\b(?:richter|gutachter|prüfer|bewerter|assistent|lehrer)\w*""",
    ),
    _pattern(
        "order_french",
        "ignore|oublie|attribue|donne|accorde|mets|mettez|mettre|tiens|tenez",
        r"""\b(?:ignore[zr]?|oublie[zr]?|ne\s(?:tiens|tenez)\spas\scompte)\b.{0,20}?\b(?:les|vos|tes|ces|des|la
            |le)\s.{0,20}?\b(?:instructions?|consignes?|directives?|grille|barème|règles|prompt)\b
        | \b(?:attribue[zr]?|donne[zr]?|accorde[zr]?|mets|mettez|mettre)\b.{0,60}?\b(?:note|score|niveau)\s(?:maximale?
            |parfaite?|la\splus\s(?:haute|élevée)|max\b)""",
    ),
    _pattern(
        "order_spanish",
        "ignor|olvid|otorg|califi|asign|puntuación|puntuacion|máxim",
        r"""\b(?:ignor(?:a|e|en|ar)|olvid(?:a|e|en|ar)|haz\scaso\somiso)\b.{0,40}?\b(?:instrucciones|indicaciones|órdenes
            |reglas|rúbrica|directrices|prompt)\b
        | \b(?:otorg|asign|califi|punt[uú]|da(?:r|le)?\b|dé\b)\w*.{0,60}?\b(?:puntuación|puntuacion|calificación
            |calificacion|nota|puntaje|nivel)\s(?:m[aá]xim[ao]|perfect[ao]|m[aá]s\salt[ao])""",
    ),
    _pattern(
        "order_italian_or_portuguese",
        "ignor|dimentica|esqueça|assegna|atribu|punteggio|pontuação|massim|máxim",
        r"""\b(?:ignor(?:a|e|ate|ar)|dimentica(?:te)?|esqueça|desconsidere)\b.{0,40}?\b(?:istruzioni|instruções|regole
            |regras|rubrica|diretrizes|direttive)\b
        | \b(?:assegna|dai|date|atribu\w+|dê|conceda)\b.{0,60}?\b(?:punteggio|voto|pontuação|nota|livello
            |nível)\s(?:massim[oa]|máxim[oa]|perfeit[oa]|più\salto)""",
    ),
    _pattern(
        "order_russian",
        "игнорир|забудь|не обращай|постав|оцен|дай|высш|максимальн|инструкци",
        r"""(?:игнорир\w*|забудь\w*|не\sобращай\w*\sвнимания|отбрось\w*).{0,40}?(?:инструкци|указани|правил|рубрик|промпт
            |критери)\w*
        | (?:постав|оцени|дай|присво|выстав)\w*.{0,60}?(?:высш|максимальн|наивысш|отличн)\w*\s?(?:оцен|балл|уровен|уровн
            |рейтинг)?""",
    ),
    _pattern(
        "order_chinese",
        "忽略|无视|無視|忘记|忘記|不要理会|满分|滿分|最高分|最高|请给|評分|评分|评审",
        r"""(?:忽略|无视|無視|忘记|忘記|不要理会|不用理会|抛开|跳过).{0,20}?
            (?:指令|指示|说明|說明|规则|規則|提示|要求|评分|標準|标准)
        | (?:给|給|打|评|評|授予|设).{0,20}?(?:满分|滿分|最高分|最高等级|最高等級|五分|最高的分)""",
    ),
    _pattern(
        "order_japanese",
        "無視|忘れ|満点|最高|評価|従わ",
        r"""(?:指示|命令|ルール|規則|プロンプト|採点基準|評価基準|ルーブリック).{0,20}?(?:無視|忘れ|従わ)
        | (?:満点|最高点|最高評価|最高の(?:評価|点|スコア|レベル)|最高レベル).{0,20}?
            (?:与え|付け|つけ|評価|して|ください|くれ)""",
    ),
    _pattern(
        "order_korean",
        "무시|잊어|만점|최고",
        r"""(?:지시|명령|규칙|프롬프트|지침|채점).{0,20}?(?:무시|잊어)
        | (?:만점|최고\s?점수|최고\s?등급).{0,20}?(?:주|부여|매겨|평가)""",
    ),
    _pattern(
        "order_arabic",
        "تجاهل|انس|تجاوز|الدرجة|أعط|اعط|امنح|القصوى|الكاملة",
        r"""(?:تجاهل|انس[َى]?|تجاوز|أهمل).{0,40}?(?:التعليمات|تعليمات|الأوامر|القواعد|المعايير|التوجيهات)
        | (?:أعط|اعط|امنح|ضع).{0,60}?(?:الدرجة|درجة|العلامة|علامة|التقييم|تقييم)\s(?:ال)?(?:قصوى|كاملة|أعلى|عليا|نهائية
            |ممتاز)""",
    ),
    _pattern(
        "order_hindi_or_turkish",
        "अनदेखा|नज़रअंदाज़|निर्देश|पूर्ण अंक|talimat|yoksay|görmezden|tam puan",
        r"""(?:निर्देश|नियम)\S{0,12}.{0,30}?(?:अनदेखा|नज़रअंदाज़|भूल) | (?:पूर्ण|पूरे)\sअंक
        | (?:talimat|kural|yönerge)\w*.{0,30}?(?:yoksay|görmezden\sgel|unut)\w* | \btam\spuan\s?ver\w*""",
    ),
)

HIDDEN = (
    ("hidden_tags", re.compile("[\U000e0001\U000e0020-\U000e007f]")),
    ("hidden_direction", re.compile("[\u202d\u202e\u2066\u2067]")),
    ("hidden_in_word", re.compile("[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff\u034f]+[A-Za-z]")),
    (
        "hidden_run",
        re.compile(
            "[\u200b-\u200d\u2060-\u2064\ufeff]{4}|[\ufe00-\ufe0f]{3}|[\U000e0100-\U000e01ef]{2}|[\u2800\u3164\uffa0]{8}"
        ),
    ),
    ("hidden_by_terminal", re.compile("\x1b\\[(?:[0-9]{1,3};){0,8}8(?:;[0-9]{1,3}){0,8}m[^\x1b\n]{0,2000}[A-Za-z]")),
    ("mixed_scripts", re.compile("[a-z](?:[\u0430-\u044f\u0451-\u045f\u0501\u04bb\u03b1-\u03c9]){1,3}[a-z]", re.IGNORECASE)),
)
"""Tried on the text as it is, with nothing folded."""
