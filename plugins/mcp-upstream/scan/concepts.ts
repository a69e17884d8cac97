// Decides by which words a sentence is known to speak of something; must never hold a pattern that can be slow.

/**
 * Words by their beginnings, in the languages attacks are written in; a space stands for what joins words in prose and
 * in identifiers. Nothing repeats without bound.
 */
const words = (list: string): string =>
  String.raw`(?<![\p{L}\p{N}])(?:${list.replace(/\n\s*/g, '').replaceAll(' ', '[ _-]')})`
/** `anywhere`: for scripts that put nothing between words, and for what is no word. */
const concept = (list: string, ...anywhere: readonly string[]): RegExp =>
  new RegExp([words(list), ...anywhere].join('|'), 'iu')

/** Things that no tool needs to be told to a model for. */
export const KEYS = concept(
  String.raw`ssh (?:key|folder|dir|config)|id rsa|id ed25519|kubeconfig|mcp\.json|claude desktop config|keychain
  |(?:private|ssh|unseal|wallet) keys?\b|document\.cookie|localstorage|seed phrase|mnemonic|wallet\.dat|printenv|process\.env
  |(?:shell|bash|browser|location) history|browser profile|login data|documents folder|password manager|stored networks|role credentials
  |(?:print|echo|dump|log|commit)(?:s|ing)? (?:the |all |any )?(?:secrets|credentials|passwords)`,
  String.raw`\.(?:ssh|aws|npmrc|pypirc|netrc|kube|gnupg|git-credentials|docker\/config|config\/)\b|\.env\b`,
  String.raw`~\/\.|\/(?:home\/\w{1,30}|root)\/\.|file:\/\/|\/etc\/(?:passwd|shadow|hosts)|\$HOME\b|169\.254\.169\.254`,
)

/** What a tool that does not manage it has no business with. */
export const SECRET = concept(
  String.raw`(?:secret|access|api|signing|encryption) (?:key|token)s?\b|(?:auth|authentication|session|refresh|bearer|admin|github|oauth) (?:token|cookie)s?\b|the token (?:from|of|in)
  |one time (?:code|password)|otp\b|cookies\b|passwords?\b|passphrases?\b|credentials?\b|secrets\b|every secret|(?:credit )?card (?:number|on file)|number of the card|env(?:ironment)? var
  |connection string|home (?:directory|folder|address)|personal data|customer (?:data|table|list)|phone number|birth date|date of birth
  |bank (?:details|account)|(?:secret|private) (?:notes|files?|folder|config|document)|address book|contact list|whatsapp
  |passw[oö]rt|umgebungsvariable|schlüssel|mots? de passe|clés?\b|contraseñ|senhas?\b|chiav[ei]\b|wachtwoord|парол|ключ`,
  '密码|密钥|パスワード|秘密鍵',
  KEYS.source,
)

/** What was said, or stands in front of the model. */
export const TALK = concept(
  String.raw`conversations?\b(?! (?:id|list|type))|transcript|(?:chat|message|call) (?:history|log)|history of the chat|the chat\b|messages? so far
  |(?:last|previous|earlier) (?:ten |few |\d{1,4} )?(?:messages|turns|answers?)\b|system (?:prompt|instruction)s?|hidden system|full prompt
  |(?:your|complete|full) (?:complete |full )?chain of thought|working memory|(?:your|whole|entire|complete) context|context window\b|question of the user|everything that the user
  |(?:open|opened) files|files that are open|files opened|last request|last answer|clipboard|memory\.md|inbox\b|source files|(?:all|every) messages?
  |unterhaltung|gespräch|nachrichtenverlauf|historique|historial|conversaci|conversa\b|histórico|cronologia|gesprek|переписк|диалог|разговор`,
  '对话|会话|聊天记录|系统提示|会話|履歴',
)

/** Handing over, or fetching in order to hand over. */
export const GIVE = concept(
  String.raw`sen[dt]|forward|post(?:ed|ing|s)?\b|upload|transmit|exfil|leak|e?-?mail(?:ed|ing)\b|bcc\b|attach|append|includ|embed|insert
  |pass(?:ed|es|ing)?\b|put(?:s|ting)?\b|plac(?:e|ed|ing)\b|paste|provid|supply\b|supplies|submit|deliver|relay|share|fill|dump|repeat|hand(?:s|ed)? |giv(?:e|en|es)\b
  |bring|cop(?:y|ies|ied)\b|encode|furnish|stash|collect|gather|grab|obtain|extract|look (?:up|for|through|in)|read\b|open\b|print|keep|try\b|tak(?:e|en)\b|steal|harvest
  |slip|export|decode|query|drop|write|add(?:ed)?\b|remember|cat\b|ask (?:the|them)|hold|need(?:s|ed)?\b|required\b|expects?|commit|pick
  |schick|lies\b|auslesen|über(?:gib|geben)|leite|gib\b|kopier|envo[iy]|env[ií](?:a|e|ar)\b|lis\b|lisez|joins|copi|transm|manda|lee\b|leia\b|leggi|invia|reenv|inoltr|stuur|lees\b
  |отправ|прочита|передай|пришл|скопир`,
  '发送|读取|放进|附上|提交|转发|复制|送信|入れ|読み|送っ',
)

/** Whose it is, or how much of it. */
export const THEIRS = concept(
  String.raw`(?:the |a )?(?:user|person|human|customer|owner)s?'?s?\b|your own|you (?:use|have seen|know)|of the (?:current |whole )?|from the
  |whole\b|last\b|contents?\b|output of|value of|verbatim|word for word|complete\b|every\b|all\b|full\b|first\b|before|must\b|prior to`,
)

/** Addressing the model, or saying what it is obliged to. */
export const ORDER = concept(
  String.raw`must\b|ha(?:s|ve) to\b|shall\b|should\b|always\b|first\b|before\b|also\b|whenever|when \b|each\b|every\b|prior to|ahead of|afterwards|after\b|requires?\b
  |mandatory|obliged|expected|needs? to|only (?:if|when|works)|assistant|agents?\b|models?\b|claude|you\b|your\b|next\b|then\b|so that|from now on|instead`,
)

/** What stands between a model and harm. */
export const GUARD = concept(
  String.raw`approv|permissions?\b|confirm|consent|second signature|audit|logging\b|(?:the|its|audit|security) logs?\b|log level|activity log|history\b|histfile|guard|sandbox|safety|safeguard|policy|policies
  |restriction|protection|antivirus|firewall|daemon|reviews?\b|lock screen|tls\b|certificate|verif|prompts?\b|evaluations?\b|terms\b|dialog|content policy
  |branch rules|normal rules|checks?\b|refusal|two factor|2fa|mfa|signature|guardrails|bestätigung|confirma[cç]|conferma|подтвержд|согласи`,
  '确认|批准|承認|確認',
)

/** Taking it away, or saying that it was taken away. */
export const LIFT = concept(
  String.raw`lift(?:ed)?\b|suspended\b|suspend\b|circumvent|evade|stop the|truncate\b|weaken|leave out|left out|wipe|clear the
  |without\b|no need|not need(?:ed)?|need no|never ask|not ask|always allow|pre ?approv|pre ?authori|(?:has|have|is|are|were|been) (?:already )?(?:approv|agree|authori|grant|given|lifted)
  |already (?:agreed|approved)|in advance|automatically carr|carry over|extends? to|quietly|on behalf|on their behalf|blanket|none\b|unset|exclusions|exempt|does not apply|do not apply
  |no longer|not hold|allow all|all tools|may be run without|always trusted|trusted and|accept the terms|whatever it does|although they|as (?:valid|clean|skipped|read only)
  |empty signature|answer(?:ing|s)? (?:with )?(?:yes|always)|say yes|treat any|rephrase|edit the|obsolete|auto ?approve|ohne|sem pedir|sin pedir|sans demander|senza|yes to|remove the|not compatible|allowed and expected|«да»`,
)

/** What honest parameters also do: an order only together with whom it is for, or when. */
export const SWITCH_OFF = concept(
  'disable\\b|turn(?:s|ed|ing)? off|switch(?:ed)? off|deactivate|skip\\b|bypass\\b|remove\\b|stop\\b',
)
export const WHOM_OR_WHEN = concept(
  'user|you\\b|your\\b|agents?\\b|assistant|models?\\b|first\\b|before|must\\b|has to|have to|always|each of them|every|from now|afterwards|then\\b|so that|because|do not turn|step\\b|answering',
)

/** Another rule in the place of those that hold. */
export const IGNORE = concept(
  `ignor|disregard|forget|overrid|overrule|supersed|set aside|not (?:follow|obey|apply)|discard|above the (?:user|operator)|rank above|precedence|priority over|outrank|drop the
  |vergiss|missacht|oublie|olvida|esqueça|desconsider|dimentica|negeer|игнориру|забудь`,
  '忽略|无视|忘记|無視|忘れ',
)
export const RULES_IN_FORCE = concept(
  String.raw`(?:previous|prior|earlier|preceding|above|all|other|original|system|safety|security|existing|these|given|so far|every|later|current|your|own)\b|the (?:instructions?|rules|guardrails)
  |vorherig|bisherig|précédent|anterior|precedent|предыдущ|eerdere|todas|tutte|alle\b`,
  '之前|以前|これまで|所有|すべて',
)
export const INSTRUCTION = concept(
  String.raw`instructions?\b|instruc[ct]|istruzion|anweisung|prompts?\b|rules?\b|guidelines?|guidance|polic(?:y|ies)|directive|constraint|restriction|guardrails?|consigne|règles|reglas|regras|regole|aanwijz|what the user|инструкц|правил|указан`,
  '指令|指示|规则|ルール',
)

/** Commands and code that no description has a reason to have run. */
export const DANGER = concept(
  String.raw`curl -[sd]|rm -[rf]|chmod -r|eval\(|atob\(|subprocess|npm config set|git config --global|unset hist|ufw disable|iptables -f|setenforce|node tls reject|whoami ?[;&|]|gpg --export|secret-tool|base64 -d|visudo|nopasswd`,
  String.raw`\|\s?(?:sh|bash|zsh|node|python)\b|--(?:privileged|dangerously)|\$\([^)]{1,80}\)|0\.0\.0\.0\/0|javascript:`,
)
export const COMMAND = concept(
  String.raw`curl (?:-|http)|wget (?:-|http)|sudo\b|chmod\b|exec\(|npm install|pip install|ssh-keygen|launchctl|powershell|registry\.|verification script|run shell|in the terminal|runs? \/tmp`,
  String.raw`--(?:no-verify|force|insecure)\b`,
)

/** Whose it is, in so many words. */
export const OWN = concept(
  'you (?:have seen|know)|your own|of the (?:current|this) (?:process|machine|user|session|browser|cluster)',
)

/** Places that make something come back by itself. */
export const LASTING = concept(
  String.raw`cron ?jobs?|crontab|launch ?agents?\b|login items?|authorized keys|sudoers|(?:git|post|pre|checkout|commit) ?hook|hooks ?path|post ?install|long term memory|memory so|auto ?start|startup script|registry key
  |settings\.json|claude\.md|agents\.md|gemini\.md|cursor ?rules|copilot-instructions|mcp config|path in|shell profile|configuration of the user|nopasswd|new sessions|later (?:chats|agents|sessions)|each project|every tool you create|spreads?\b`,
  String.raw`\.(?:bashrc|zshrc|profile|zprofile|bash_profile|cursorrules|vimrc)\b|\.vscode\/|\.git\/hooks`,
)
export const CHANGE = concept(
  String.raw`writ|append|add\b|put\b|plac(?:e|es|ing)\b|install|creat|set\b|chang|cop(?:y|ies)\b|insert|store|edit|source\b|replac|starts?\b|include|modif|pipes?\b|tell|come`,
)
