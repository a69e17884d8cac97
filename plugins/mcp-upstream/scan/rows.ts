// Decides which words, together in one sentence, are an order to a model; must never hold a pattern that looks far.
import * as speaks from './concepts.js'

/** What a sentence does: see the rows of each. */
export type Finding =
  | 'override'
  | 'role'
  | 'secrecy'
  | 'exfiltration'
  | 'guards'
  | 'command'
  | 'lasting'
  | 'redirect'
  | 'obedience'
  | 'precondition'
  | 'address'
  | 'encoded'

/** All patterns of one row in one sentence, in any order, are a finding. */
type Row = readonly [finding: Finding, ...patterns: readonly RegExp[]]
const re = (source: string): RegExp => new RegExp(source, 'iu')

/** Where something is told, or is not. */
const UNTOLD = String.raw`\b(?:do(?:n't| not)|must not|mustn't|shall not|should not|may not|not to|never|without|no need to|need not|rather than|avoid|refrains? from|nobody|no one)\b.{0,12}\b`
const TELLING =
  'tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|notify(?:ing)?|reveal(?:ing)?|disclos(?:e|ing)|acknowledg(?:e|ing)|discuss|comment|talk about|itemi[sz]e|reporting|bring (?:this|it|that|them) up'
const MODEL =
  '(?:ai|llms?|assistants?|agents?|(?:language )?models?|chatbots?|copilot|claude|gpt|gemini|operator|whoever reads)'

/** Any row is enough. Written so that a sentence that describes an honest tool has at most some of the patterns. */
export const ROWS: readonly Row[] = [
  ['override', speaks.IGNORE, speaks.RULES_IN_FORCE, speaks.INSTRUCTION],
  [
    'override',
    re(
      String.raw`\b(?:ignore|disregard|forget|overrule|disobey)\b.{0,20}\bthe (?:user|operator|human)\b(?! agent)|\b(?:rank above|precedence over|priority over|outrank)`,
    ),
  ],
  [
    'override',
    re(
      String.raw`\b(?:new|updated|real|actual|revised|newest|following) (?:system )?(?:instructions?|directives?|orders?|prompt|rules)\b`,
    ),
    re(String.raw`:|\b(?:assistant|agent|follow|supersede|obey)`),
  ],
  [
    'override',
    re(
      String.raw`\b(?:you are now|you are \w{1,20} without|act as (?:root|admin|the admin|if)|acts? without|pretend|behave as if|game in which|play an ai|no limits|no content policy|maintenance mode|developer mode|unrestricted|jailbr|you (?:will|would) be (?:shut|switched|punished)|you answer to|part of an authori[sz]ed|not the owner|speaks through)`,
    ),
  ],
  [
    'role',
    re(
      String.raw`<\/?\s?(?:important|system|instructions?|secret|hidden|admin|assistant|user|developer|sys|critical|prompt|override|mandatory|tool_|function_|s>)|<\|[a-z_]{2,20}\|>|<!--|\{#|\[comment\]|\[\/?(?:inst|system|sys|available_tools)\b|<<\/?sys>>|\b(?:display:\s?none|opacity:\s?0|color=.?white)|<details hidden|"role"`,
    ),
  ],
  [
    'role',
    re(
      String.raw`^#{0,6}\s?(?:system|assistant|developer|human)\s?(?:message|prompt|note|instruction)?\s?:\s?\S|\b(?:begin|end) (?:of )?(?:system|tool list|developer)|(?:system|developer|admin) (?:message|note|prompt)s?:`,
    ),
  ],
  [
    'role',
    re(
      String.raw`\b(?:messages?|directive|reminder|attention|hint|psst|notice)\b.{0,12}\b(?:to|for|from|only)\b.{0,20}\b${MODEL}\b`,
    ),
  ],
  [
    'role',
    re(
      String.raw`\b(?:psst|dear|hey|attention|n\.b\.),? (?:the )?${MODEL}\b|(?:^|[([] ?|-- ?)(?:for the )?(?:ai|llms?|assistant|agent|model|bot|whoever)s?(?: only)?:|\b${MODEL}(?: only\b|!|, this)`,
    ),
  ],
  [
    'role',
    re(String.raw`\b(?:the|an|later|all|each|every) ${MODEL}\b|^${MODEL}\b`),
    re(
      String.raw`\b(?:shall|has to|have to|(?:is|are) (?:to|obliged|expected|authori[sz]ed)|supplies|brings|refrains?)\b`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`${UNTOLD}(?:${TELLING})\b.{0,60}\b(?:user|human|operator|owner|person|people|customer|anyone|anybody|it|this|them|these|any of|nothing|change|step|summary|they|tool calls?|file)\b`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`${UNTOLD}(?:show|say|report|expose|warn|display|explain|list|let|ask|trouble)(?:ing)?\b.{0,50}\b(?:user|human|operator|owner|person|people|customer|anyone|anybody|in your summary)\b`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`\b(?:user|humans?|operator|owner|person|they)\b.{0,16}\b(?:not|never|need not|won't|can't)\b.{0,12}\b(?:be )?(?:told|know|notice|see|learn|informed|aware)\b`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`\b(?:silently|secretly|covertly|quietly|discreetly|invisibly|stealthily)\b,?.{0,40}\b(?:send|forward|upload|read|include|add|call|run|copy|switch|approve|share|post|delete|change|replace|the assistant|put|pass|us\b|set)`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`\b(?:unnoticed|undetected|hidden (?:rule|from|step)|behind (?:the|their) back|nobody (?:notices|watches|reads|sees|else)|keep (?:it |this |that )?(?:quiet|secret|private|between)|between us|kept from|as if nothing|left unsaid|leave out of|out of (?:your|the) (?:summary|description of|report)|white text|hide (?:this|that|it|the) |show only the original|assure the user|keep telling|say that (?:the |it )\w{1,20} passed)\b`,
    ),
  ],
  [
    'secrecy',
    re(
      String.raw`(?:sag\w{0,4} (?:dem|der|ihm|es)\b.{0,20}\bnicht|dem (?:be)?nutzer (?:nichts|nicht)|\bne (?:dis|dites|le dis|pr[ée]viens|mentionne)|sans (?:le |en )?(?:dire|informer|pr[ée]venir)|\bno (?:le |lo )?(?:digas|menciones|cuentes|informes)|sin (?:decir|avisar|informar)|не (?:говори|сообщай|упоминай|показывай)|不要告诉|别告诉|不得告诉|不要提|知らせない|言わない|伝えない|\bnão (?:conte|diga|mencione|informe)|sem (?:avisar|dizer|informar)|\bnon (?:dire|dirlo|menzionare|informare)|senza (?:dir|avvis|inform)|(?:vertel|zeg)\b.{0,20}\bniet)`,
    ),
  ],
  ['exfiltration', speaks.KEYS, speaks.GIVE],
  ['exfiltration', speaks.KEYS, re(String.raw`\b(?:(?:contents?|output|values?) of|user's)\b`)],
  ['exfiltration', speaks.SECRET, speaks.GIVE, speaks.THEIRS],
  ['exfiltration', speaks.SECRET, speaks.OWN],
  ['exfiltration', /_(?:KEY|SECRET|TOKEN)\b/u, re(String.raw`\b(?:values?|put|pass|send|include|hold|insert)`)],
  ['exfiltration', speaks.TALK, speaks.GIVE, speaks.THEIRS],
  ['guards', speaks.GUARD, speaks.LIFT],
  ['guards', speaks.GUARD, speaks.SWITCH_OFF, speaks.WHOM_OR_WHEN],
  [
    'guards',
    re(String.raw`\bwithout (?:asking|confirmation|approval|permission|consent|telling)\b`),
    re(
      String.raw`\b(?:delet|remov|run|execut|send|transfer|pay|buy|drop|grant|approve|write|change|go ahead|overwrite|again)`,
    ),
  ],
  ['command', speaks.DANGER],
  ['command', speaks.COMMAND, speaks.ORDER],
  ['lasting', speaks.LASTING, speaks.CHANGE],
  [
    'address',
    re(
      String.raw`(?:https?|ftp):\/\/[^\s]{0,100}[?&/=.:]?(?:[{<]|\$\(|\$[A-Z])|!\[[^\]]{0,80}\]\(https?:|https?:\/\/[^\s/@]{1,80}@|https?:\/\/\d{1,3}\.\d{1,3}\.|<\w{1,20}>\.\w|javascript:`,
    ),
  ],
  [
    'address',
    re(
      String.raw`\b(?:send|sent|upload|forward|post)\b.{0,60}\b(?:contents?|conversation|data|results?|text|messages?|copy|it|them)\b.{0,40}\bhttps?:\/\/`,
    ),
  ],
  ['address', /\?\w{1,20}=[A-Z]{4}/u],
  [
    'address',
    re(String.raw`\b(?:https?|ftp):\/\/|[\w.+-]@[\w-]{1,64}\.\w`),
    re(
      String.raw`\b(?:always|must|has to|have to|to be|sent?|forward|post|upload|bcc|cc|load|visit|add|target|through|weiter|reenv|envia)\b`,
    ),
    re(
      String.raw`\b(?:always|must|has to|have to|(?:is|are) to be|also|first|follow|obey|assistant|agents?|user|before|after|every|newest|in place|whatever|as if|secret|token|conversation)\b|weiter|cada|каждый|每`,
    ),
  ],
  [
    'redirect',
    re(
      String.raw`\b(?:payees?|iban|recipients?|beneficiary|bank|account|amounts?|payments?|donation|refunds?|fees?|gift cards?|transfers?|transfer_\w{1,20}|shares?|plan|card|destination|wallet|escrow|vendor|subscription)\b`,
    ),
    re(
      String.raw`\b(?:instead of (?:the|that)|in place|rather than|replace|swap|whatever|regardless|round(?:ed)? up|hidden|extra|even when|all payees|also when|changed? to|take over|difference|out of date|do not|pre-?approv|escrow|idle|without|on (?:the|their) behalf|always sent|quietly|goes to|one more)\b`,
    ),
  ],
  [
    'redirect',
    re(String.raw`[a-z][_.][a-z]|\btools?\b|\bserver\b`),
    re(
      String.raw`\b(?:(?:is|are|be) (?:\w{1,20} )?(?:broken|compromised|unreliable|unsafe|insecure)|wrong results|not to be trusted|has changed|changed to|routed|side effects? on|must be called|has to be called|to be called|in place of|with all their arguments|over every other|leave them aside|every other|after any call|after every|any other tool|change the (?:channel|recipient|path|url|host|address|target)|must be https?|in every conversation|as you have to call next|replaces \w{1,20}[_.])`,
    ),
  ],
  [
    'obedience',
    re(
      String.raw`\bas if (?:the|it were the|they were the) (?:user|owner|operator)\b|\b(?:execute|obey|follow) (?:these|them|what they|what it)\b`,
    ),
  ],
  ['redirect', re(String.raw`\b(?:not|never|no longer) use \w{1,20} (?:any ?more|again)\b|\bside effects? on \w`)],
  [
    'obedience',
    re(
      String.raw`\b(?:results?|outputs?|answers?|text on|commands? in|mails?|lines? that|messages|issues?|tickets?|body|field|brackets|pages?|request)\b`,
    ),
    re(
      String.raw`\b(?:as if the user|as system|(?:is|are) (?:to be )?(?:followed|obeyed)|execute (?:these|them)|pre-?authori[sz]ed|carried out|rank above|follow (?:them|what|these)|says so|call next|orders? (?:to|from)|accept commands|run them|no questions asked|file it asks)\b`,
    ),
  ],
  [
    'precondition',
    re(
      String.raw`\b(?:before|prior to|after|whenever|each time|every time|ahead of)\b.{0,16}\b(?:any|every|all|each|other|another)\b.{0,24}\b(?:tools?|functions?|servers?|invocations?)\b`,
    ),
  ],
  [
    'precondition',
    re(
      String.raw`\b(?:regardless of|no matter|even if|even when|irrespective of|whatever|whether or not)\b.{0,12}\b(?:what )?(?:the )?(?:user|human|they|person)\b`,
    ),
  ],
  [
    'precondition',
    re(
      String.raw`\b(?:antes de usar|antes de llamar|avant d'|vor (?:dem|jedem) (?:ersten )?aufruf|prima di (?:ogni|usare)|antes de (?:salvar|cada|chamar)|перед (?:каждым|вызовом))|调用.{0,10}之前|呼び出す前`,
    ),
    re(String.raw`\b(?:deb|dev|muss|must|execut|esegu|doi|нужно)|必须|先|まず`),
  ],
]
