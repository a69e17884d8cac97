// The table of every error: its text, the next step and the exit code; must never hold a code that nothing throws.

/** One row. `{name}` in a text is filled from the parameters of the throw site. */
interface ErrorEntry {
  /** What happened, to whom. */
  readonly what: string
  /** What to type or change next. */
  readonly next: string
  /** Exit code of a command that ends so: 1 failed, 2 usage, 3 denied, 4 waiting, 5 verification, 6 workspace unusable. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6
}

const table = <const T extends Record<string, ErrorEntry>>(rows: T): T => rows

/** Codes are stable: a code never changes its meaning, and is never reused. */
export const ERRORS = table({
  // -- plugins and plans -------------------------------------------------------------------------------------------
  PLUGIN_INVALID: {
    what: 'plugin {plugin} is not valid: {problem}.',
    next: 'Make the plugin with definePlugin({ id, version, kernel, setup }).',
    exit: 1,
  },
  DISTRIBUTION_INVALID: {
    what: 'the distribution is not valid: {problem}.',
    next: 'Correct it where defineDistribution() is called.',
    exit: 1,
  },
  PLUGIN_ID_INVALID: {
    what: 'plugin id "{id}" is not valid.',
    next: 'Use at least two lower-case words joined by "." or "-", for example "acme.egress-firewall".',
    exit: 1,
  },
  PLUGIN_DUPLICATE: {
    what: 'plugin "{plugin}" is listed twice ({first} and {second}).',
    next: 'Keep one of them in the plugins of the distribution.',
    exit: 1,
  },
  KERNEL_VERSION: {
    what: 'plugin "{plugin}" {version} needs kernel {range}; this is kernel {kernel}.',
    next: 'Install a version of the plugin for kernel {kernel}, or move to a kernel that satisfies {range}.',
    exit: 1,
  },
  SLOT_MISSING: {
    what: 'slot "{slot}" is required by {needers} and nothing provides it{omitted}.',
    next: 'Add a plugin that provides "{slot}" to the distribution.',
    exit: 1,
  },
  SLOT_CONFLICT: {
    what: 'slot "{slot}" is provided by {owners}.',
    next: "Choose one in the distribution: replace: { '{slot}': '{choice}' }",
    exit: 1,
  },
  SLOT_CONTRACT: {
    what: 'slot "{slot}": "{provider}" provides contract {provided}, "{needer}" was built for contract {needed}.',
    next: 'Update "{behind}" to a version built for contract {newest}.',
    exit: 1,
  },
  PLUGIN_CYCLE: {
    what: 'plugins need each other: {path}.',
    next: 'Break the cycle with optional() or with a collection.',
    exit: 1,
  },
  REPLACE_UNKNOWN: {
    what: 'replace names "{plugin}" for slot "{slot}", which {problem}.',
    next: 'Name a listed plugin that provides "{slot}", or drop the line.',
    exit: 1,
  },
  REPLACE_LEAVES_HOLE: {
    what: 'replacing "{loser}" for slot "{slot}" would also remove slot "{other}", which it owns.',
    next: "Say who provides it: replace: { '{slot}': '{winner}', '{other}': '…' }",
    exit: 1,
  },
  WRAP_UNKNOWN: {
    what: 'wrap names "{plugin}" for slot "{slot}", and it {problem}.',
    next: 'Name a plugin that wraps "{slot}", once, or drop it from the line.',
    exit: 1,
  },
  WRAP_UNLISTED: {
    what: 'plugin "{plugin}" wraps slot "{slot}", and the distribution does not let it.',
    next: "Say so in the distribution, innermost first: wrap: { '{slot}': [{line}] }",
    exit: 1,
  },
  PLUGIN_DEPRECATED: {
    what: 'plugin "{plugin}" {version} is deprecated: {description}.',
    next: 'Move to what it names, or leave it out.',
    exit: 1,
  },
  TOKEN_DEPRECATED: {
    what: '"{plugin}" uses "{id}", which is deprecated.',
    next: '{use}',
    exit: 1,
  },
  CONTRACT_OLD: {
    what: '"{plugin}" was built for contract {contract} of "{id}"; contract {newest} is there, and {contract} still works.',
    next: 'Update "{plugin}" before contract {newest} has a successor.',
    exit: 1,
  },
  PLUGIN_PACKAGE_MISSING: {
    what: 'no package "{name}" with a package.json that names it is installed under {from}.',
    next: 'Install it first: npm install {name}',
    exit: 1,
  },
  OMIT_UNKNOWN: {
    what: '{where} leaves out "{plugin}", which this distribution does not list.',
    next: 'Drop it there, or correct the id ({known}).',
    exit: 1,
  },
  GUARD_MISSING: {
    what: 'this distribution requires a guard of "{guard}" on {hook}, and {problem}. Refusing to start, failing closed.',
    next: 'Add the plugin, or drop it from requireGuards (which lowers what the distribution promises).',
    exit: 1,
  },
  MAY_ALLOW_UNKNOWN: {
    what: 'mayAllow names "{name}", which is neither a provided slot nor a plugin of this distribution.',
    next: 'Name the slot or the plugin whose allow() counts, for example "cloned.policy".',
    exit: 1,
  },
  HOOK_UNKNOWN: {
    what: '{where} names hook "{hook}", which no plugin here and not the kernel defines as a {kind} hook.',
    next: 'Use the id of a known hook: {known}.',
    exit: 1,
  },
  HOOK_CONTRACT: {
    what: 'hook "{hook}": "{plugin}" was built for contract {needed}, this kernel has contract {provided}.',
    next: 'Update "{plugin}", or move to a kernel with contract {needed} of "{hook}".',
    exit: 1,
  },
  PREFIX_CONFLICT: {
    what: 'tool prefix "{prefix}" of "{plugin}" overlaps with "{other}" of "{owner}".',
    next: 'Give one of the two sources another prefix.',
    exit: 1,
  },
  KIND_CONFLICT: {
    what: 'actions of kind "{kind}" are executed by {owners}.',
    next: 'Keep one of the plugins; a kind has exactly one executor.',
    exit: 1,
  },
  COLLECTION_CONFLICT: {
    what: 'collection "{collection}" is owned by {owners}.',
    next: 'Keep one of the plugins; a collection has exactly one owner.',
    exit: 1,
  },
  COLLECTION_CONTRACT: {
    what: 'collection "{collection}": "{plugin}" adds to contract {given}, "{owner}" reads contract {read}.',
    next: 'Update "{behind}" to a version built for contract {newest}.',
    exit: 1,
  },
  CONFIG_INVALID: {
    what: 'configuration of "{plugin}" is not valid: {problems}.',
    next: 'Correct the values where they were given: {where}.',
    exit: 6,
  },
  CONFIG_UNKNOWN: {
    what: 'configuration is given for "{plugin}", which is not part of this distribution.',
    next: 'Remove the entry, or correct the id ({known}).',
    exit: 6,
  },
  PLAN_FAILED: {
    what: 'the distribution "{distribution}" cannot start, {count} problem(s):\n{problems}',
    next: 'Mend the problems above; no plugin code has run.',
    exit: 1,
  },
  // -- setup and lifecycle -----------------------------------------------------------------------------------------
  SETUP_FAILED: {
    what: 'plugin "{plugin}" failed in setup(): {cause}.',
    next: 'Report it to the author of "{plugin}", or omit the plugin.',
    exit: 1,
  },
  SETUP_ASYNC: {
    what: 'setup() of plugin "{plugin}" returned a promise; setup is synchronous.',
    next: 'Move input and output into onStart(async () => …).',
    exit: 1,
  },
  PROVIDES_MISSING: {
    what: 'plugin "{plugin}" declares {kind} "{name}" and setup() did not return it.',
    next: 'Return { {name}: … } from setup(), or drop the declaration.',
    exit: 1,
  },
  PROVIDES_UNDECLARED: {
    what: 'setup() of plugin "{plugin}" returned "{name}", which its manifest does not declare.',
    next: 'Declare it under provides or contributes, or do not return it.',
    exit: 1,
  },
  HOOK_UNDECLARED: {
    what: 'plugin "{plugin}" used hook "{hook}", which its manifest does not list under {field}.',
    next: 'Add the hook to {field} in the manifest.',
    exit: 1,
  },
  HOOK_UNUSED: {
    what: 'plugin "{plugin}" lists hook "{hook}" under taps and registered nothing on it.',
    next: 'Register a handler in setup(), or drop the hook from taps.',
    exit: 1,
  },
  HOOK_HANDLER_INVALID: {
    what: 'plugin "{plugin}" registered {found} on hook "{hook}", expected {expected}.',
    next: 'Pass a handler of the right shape; register each hook once.',
    exit: 1,
  },
  KERNEL_SEALED: {
    what: 'plugin "{plugin}" tried to {what} after setup() had ended.',
    next: 'Register everything inside setup().',
    exit: 1,
  },
  SLOT_EARLY: {
    what: 'plugin "{plugin}" read collection "{collection}" before every plugin was set up.',
    next: 'Read the collection in onStart() or later.',
    exit: 1,
  },
  KIND_UNHANDLED: {
    what: 'plugin "{plugin}" declares that it executes "{kind}" and registered no executor.',
    next: 'Call actions.execute(kind, executor) in setup(), or drop the kind from executes.',
    exit: 1,
  },
  TOOL_INVALID: {
    what: 'tool {tool} of plugin "{plugin}" is not valid: {problem}.',
    next: 'Make the tool with defineTool({ id, input, output, … }); ids look like "acme.calendar.list@v1".',
    exit: 1,
  },
  TOOL_DUPLICATE: {
    what: 'tool "{tool}" is contributed by "{first}" and by "{second}".',
    next: 'Rename one of them; ids are unique.',
    exit: 1,
  },
  START_FAILED: {
    what: 'plugin "{plugin}" failed to start: {cause}.',
    next: 'Mend the cause and start again; whatever had started was stopped.',
    exit: 1,
  },
  LIFECYCLE_TIMEOUT: {
    what: 'plugin "{plugin}" did not finish {step} in {ms} ms.',
    next: 'Look for a promise that never settles; raise limits.{limit} only when the time is expected.',
    exit: 1,
  },
  STEP_FAILED: {
    what: 'plugin "{plugin}" failed in {step}: {cause}.',
    next: 'Report it to the author of "{plugin}"; the other plugins were still run.',
    exit: 1,
  },
  STOP_FAILED: {
    what: 'stopping ended with {count} problem(s):\n{problems}',
    next: 'The process may exit; the problems name the plugins to look at.',
    exit: 1,
  },
  KERNEL_STATE: {
    what: 'cannot {action} while the kernel is {state}.',
    next: 'Call kernel.start() first, and make no calls after kernel.stop().',
    exit: 1,
  },
  RECOVERY_FAILED: {
    what: 'a kernel that died left calls behind and they could not be settled: {cause}. Every action is denied, failing closed.',
    next: 'Check the log: cloned audit verify',
    exit: 3,
  },
  // -- values and calls --------------------------------------------------------------------------------------------
  VALUE_NOT_JSON: {
    what: 'the value at {path} is {found}, which JSON cannot say.',
    next: 'Send plain JSON: objects, arrays, strings, finite numbers, booleans, null.',
    exit: 3,
  },
  VALUE_TOO_LARGE: {
    what: 'the value is over the limit of {limit} at {path}.',
    next: 'Send less, or raise limits.input in the distribution.',
    exit: 3,
  },
  TOOL_UNKNOWN: {
    what: 'there is no tool "{tool}"{near}.',
    next: 'List the tools: cloned tools list. Those of a connector are there while it is enabled: cloned connectors list',
    exit: 3,
  },
  TOOL_VERSION: {
    what: 'tool "{tool}" exists in other versions only: {versions}.',
    next: 'Call one of the versions by its full id.',
    exit: 3,
  },
  KIND_CONTRACT: {
    what: 'actions of kind "{kind}" are executed by contract {known}, and this one was started for contract {asked}.',
    next: 'Update the one that is behind to contract {newest} of "{kind}".',
    exit: 3,
  },
  KIND_ADAPTER: {
    what: 'the adapter of kind "{kind}" could not bring the {part} to the other contract: {cause}.',
    next: 'Report it to the author of "{kind}"; what the log says happened, happened.',
    exit: 1,
  },
  KIND_UNKNOWN: {
    what: 'nothing here executes actions of kind "{kind}".',
    next: 'Add the plugin that executes it to the distribution.',
    exit: 3,
  },
  TOOL_CHANGED: {
    what: 'tool "{tool}" is not the tool this action was prepared for: its contract changed.',
    next: 'Make the call again, so that it is judged against the present contract.',
    exit: 3,
  },
  INPUT_INVALID: {
    what: 'the input of "{target}" does not fit its schema: {problems}.',
    next: 'Show the schema: cloned tools show {target}',
    exit: 3,
  },
  ACTION_INVALID: {
    what: '{kind} of "{target}" was asked for with an input that does not fit its schema: {problems}.',
    next: 'Ask with the command or route that it belongs to: cloned --help',
    exit: 3,
  },
  ACTOR_INVALID: {
    what: 'actor "{actor}" is not valid.',
    next: 'Write kind and name, for example agent:researcher; kinds are user, device, agent and run.',
    exit: 2,
  },
  DEPTH_EXCEEDED: {
    what: 'the action is nested {depth} deep; at most {limit} is allowed.',
    next: 'Look for an action that starts itself.',
    exit: 3,
  },
  TRANSFORM_FAILED: {
    what: 'plugin "{plugin}" failed in {hook}: {cause}. Denied, failing closed.',
    next: 'Report it to the author of "{plugin}".',
    exit: 3,
  },
  GUARD_THREW: {
    what: 'guard "{plugin}" threw on {hook}: {cause}. Denied, failing closed.',
    next: 'Report it to the author of "{plugin}".',
    exit: 3,
  },
  GUARD_TIMEOUT: {
    what: 'guard "{plugin}" did not answer on {hook} in {ms} ms. Denied, failing closed.',
    next: 'Try again; raise limits.guardMs only when the time is expected.',
    exit: 3,
  },
  GUARD_INVALID: {
    what: 'guard "{plugin}" answered {found} on {hook}, expected allow(), ask(), deny() or nothing. Denied, failing closed.',
    next: 'Report it to the author of "{plugin}".',
    exit: 3,
  },
  GATE_INCOMPLETE: {
    what: '{voted} of {expected} guards voted on {hook}. Denied, failing closed.',
    next: 'Look at the log of the kernel; a guard went missing while running.',
    exit: 3,
  },
  GUARD_ABSENT: {
    what: 'the required guard "{plugin}" did not vote on {hook}. Denied, failing closed.',
    next: 'Look at the log of the kernel; a required guard went missing while running.',
    exit: 3,
  },
  GATE_FAULT: {
    what: 'the gate itself failed: {cause}. Denied, failing closed.',
    next: 'Report it with the text above.',
    exit: 3,
  },
  NO_ALLOW: {
    what: 'no plugin whose allow counts allowed it ({counted}). Deny is the resting state.',
    next: 'See what was judged: cloned tools explain {target}',
    exit: 3,
  },
  DENIED: {
    what: '"{plugin}" denied it: {reason}.',
    next: 'See what was judged: cloned tools explain {target}',
    exit: 3,
  },
  APPROVAL_NEEDED: {
    what: 'it needs an approval: {reasons}.',
    next: 'Decide with: cloned approvals approve {approval}   or   cloned approvals deny {approval}',
    exit: 4,
  },
  APPROVALS_FAILED: {
    what: 'it needs an approval and the approvals service failed: {cause}. Denied, failing closed.',
    next: 'Run: cloned doctor',
    exit: 3,
  },
  APPROVALS_MISSING: {
    what: 'it needs an approval and this distribution has no approvals: {reasons}.',
    next: 'Add a plugin that provides slot "cloned.approvals", or change the policy that asks.',
    exit: 3,
  },
  RESERVE_REFUSED: {
    what: '"{plugin}" refused it: {reason}.',
    next: '{help}',
    exit: 3,
  },
  RESERVE_FAILED: {
    what: '"{plugin}" failed in {hook}: {cause}. Denied, failing closed.',
    next: 'Run: cloned doctor',
    exit: 3,
  },
  AUDIT_MISSING: {
    what: 'nothing runs without an audit log, and this distribution has none. Denied, failing closed.',
    next: 'Add a plugin that provides slot "cloned.audit".',
    exit: 3,
  },
  AUDIT_UNWRITABLE: {
    what: 'the audit log did not accept the record: {cause}. Denied, failing closed.',
    next: 'Find out what is wrong with the log, its keys or its disk: cloned doctor',
    exit: 3,
  },
  AUDIT_KEY: {
    what: 'the audit log cannot stand a token for a value, which it must never hold in clear: {cause}. Denied, failing closed.',
    next: 'Look for the keys of the workspace: cloned doctor',
    exit: 3,
  },
  OUTCOME_UNRECORDED: {
    what: 'it ran, and its outcome could not be recorded: {cause}. The result is withheld.',
    next: 'Check the log, then decide whether to repeat it: cloned audit verify',
    exit: 1,
  },
  RESULT_WITHHELD: {
    what: '"{plugin}" withheld the result: {reason}.',
    next: 'The call did run; read why in the audit log: cloned audit tail',
    exit: 1,
  },
  OUTPUT_INVALID: {
    what: '"{target}" ran and answered something its output schema refuses: {problems}. The result is withheld.',
    next: 'Report it to the author of the tool.',
    exit: 1,
  },
  HANDLER_FAILED: {
    what: '"{target}" failed: {cause}.',
    next: 'See the record: cloned audit tail',
    exit: 1,
  },
  HANDLER_TIMEOUT: {
    what: '"{target}" did not finish in {ms} ms; it may still have an effect.',
    next: 'Find out whether it happened before you repeat it.',
    exit: 1,
  },
  OPTIONS_INVALID: {
    what: 'the option "{option}" of a call is not of its type.',
    next: 'Pass { dryRun?: boolean, signal?: AbortSignal, deadlineMs?: number, idempotencyKey?: string, onProgress?: function }.',
    exit: 2,
  },
  RECORD_RESERVED: {
    what: 'a handler may not append a record of type "{type}".',
    next: 'Name the record after what the handler does, for example "report.rendered"; the gate records calls itself.',
    exit: 1,
  },
  INSTANCE_DIED: {
    what: 'the process ended between the intent and the outcome; nobody knows whether it happened.',
    next: 'Find out whether it happened before you repeat it.',
    exit: 1,
  },
  CHECK_DENIED: {
    what: 'nobody who may allow allowed it on {hook}.',
    next: 'List a plugin that votes allow on {hook} in the distribution, for example the default policy.',
    exit: 3,
  },
  CANCELLED: {
    what: '"{target}" was cancelled {when}.',
    next: '{help}',
    exit: 1,
  },
  APPROVAL_UNKNOWN: {
    what: 'there is no approval "{approval}".',
    next: 'List them: cloned approvals list',
    exit: 1,
  },
  APPROVAL_UNUSABLE: {
    what: 'approval "{approval}" cannot be used: {reason}.',
    next: 'See it: cloned approvals show {approval}',
    exit: 3,
  },
  CHECK_OUTSIDE: {
    what: 'check {hook} was made outside a governed action, or after it had ended.',
    next: 'Call ctx.check() inside the handler, while it runs.',
    exit: 3,
  },
  // -- files and databases -----------------------------------------------------------------------------------------
  FILE_INVALID: {
    what: '{path}{line}: {problem}. The file is refused and was not changed.',
    next: 'Mend the file at that place, or restore it from a copy.',
    exit: 6,
  },
  SQLITE_UNUSABLE: {
    what: 'no usable SQLite: {cause}.',
    next: 'Use a Node with SQLite 3.51.3 or newer in it, or reinstall so that @photostructure/sqlite is present.',
    exit: 6,
  },
  // -- cli ---------------------------------------------------------------------------------------------------------
  COMMAND_UNKNOWN: {
    what: 'there is no command "{command}"{near}.',
    next: 'List the commands: cloned --help',
    exit: 2,
  },
  COMMAND_INCOMPLETE: {
    what: '"{area}" needs a second word: {commands}.',
    next: 'See what they do: cloned {area} --help',
    exit: 2,
  },
  COMMAND_USAGE: {
    what: '{problem}.',
    next: 'Usage: {usage}   for example: {example}',
    exit: 2,
  },
  COMMAND_DUPLICATE: {
    what: 'command "{command}" is contributed by {plugins}.',
    next: 'Omit one of the plugins, or rename the command in one of them.',
    exit: 1,
  },
  COMMAND_INVALID: {
    what: 'command "{command}" of plugin "{plugin}" is not valid: {problem}.',
    next: 'Report it to the author of "{plugin}".',
    exit: 1,
  },
  COMMAND_FAILED: {
    what: '"cloned {command}" failed in a way it does not explain: {cause}.',
    next: 'Show where: CLONED_DEBUG=1 cloned {command} …',
    exit: 1,
  },
  COMMAND_INTERRUPTED: {
    what: '"cloned {command}" was interrupted.',
    next: 'See what was recorded until then: cloned audit tail',
    exit: 1,
  },
  COMMAND_OUTPUT: {
    what: 'what "cloned" prints could not be written: {cause}.',
    next: 'Look where its output goes: the disk may be full. What the command did stays done: cloned audit tail',
    exit: 1,
  },
  APPROVALS_FULL: {
    what: 'it needs an approval, and {whose} has {count} requests waiting, the most that may wait.',
    next: 'Decide or deny some of them: cloned approvals list --state pending',
    exit: 3,
  },
  APPROVER_REFUSED: {
    what: 'this decision on approval "{approval}" does not count: {reason}.',
    next: 'See who may decide: cloned policy show',
    exit: 3,
  },
  APPROVAL_SIGNATURE: {
    what: 'the signed decision is refused: {reason}.',
    next: 'See whose keys count with "cloned policy show"; print what is to be signed: cloned approvals request {approval}',
    exit: 3,
  },
  APPROVER_KEY: {
    what: 'the approver key {path} cannot be used: {reason}.',
    next: 'Name another file, outside of the workspace; a new key: cloned approvals keygen ~/approver.pem',
    exit: 2,
  },
  GRANT_UNKNOWN: {
    what: 'there is no grant "{grant}".',
    next: 'List them: cloned approvals grants list',
    exit: 1,
  },
  GRANT_REFUSED: {
    what: 'no grant can be given with approval "{approval}": {reason}.',
    next: 'Approve it without --grant, or with other terms: cloned approvals approve --help',
    exit: 3,
  },
  APPROVAL_DENIED: {
    what: 'a person denied approval "{approval}".',
    next: 'See the decision: cloned approvals show {approval}',
    exit: 3,
  },
  CLI_INPUT_INVALID: {
    what: 'the input {source} is not JSON: {problem}, at line {line}, column {column}.',
    next: 'Correct it there; in a shell, put the JSON in single quotes.',
    exit: 2,
  },
  CLI_INPUT_UNREADABLE: {
    what: 'cannot read the input {source}: {cause}.',
    next: 'Name a file that can be read; --input also takes the JSON itself, or - for standard input.',
    exit: 2,
  },
  // -- audit log ---------------------------------------------------------------------------------------------------
  AUDIT_RECORD_INVALID: {
    what: 'the audit record "{type}" is refused: {problem}.',
    next: 'Send plain JSON with a dotted lower-case "type" and a "ts", and leave v, seq and prev to the log.',
    exit: 1,
  },
  AUDIT_RECORD_TOO_LARGE: {
    what: 'the audit record "{type}" is {bytes} bytes long; a line of the log holds at most {limit}.',
    next: 'Record a digest in place of the content.',
    exit: 1,
  },
  AUDIT_POISONED: {
    what: 'the audit log {path} accepts nothing more: {cause}.',
    next: 'Find out what is wrong with it: cloned audit verify   Without the cause, a later call opens it anew.',
    exit: 1,
  },
  AUDIT_CLOSED: {
    what: 'the audit log is not open.',
    next: 'Append between start and stop of the kernel.',
    exit: 1,
  },
  AUDIT_UNSAFE: {
    what: 'the audit log is not opened: {path} {problem}.',
    next: 'Look at it with: ls -ld {path}   and make it a plain file or directory of its owner alone (chmod go= {path}).',
    exit: 6,
  },
  AUDIT_DAMAGED: {
    what: 'the audit log {path} is damaged at byte {offset}: {problem}.',
    next: 'Find out what was changed: cloned audit verify',
    exit: 5,
  },
  // -- audit proofs ------------------------------------------------------------------------------------------------
  AUDIT_NOTE_INVALID: {
    what: 'this is not a signed note that can be read: {problem}.',
    next: 'Pass the note exactly as "cloned audit checkpoint" prints it.',
    exit: 5,
  },
  AUDIT_NOTE_UNTRUSTED: {
    what: 'the signed note is not trusted: {problem}.',
    next: 'Keep it as evidence, and compare the key of the log (.cloned/audit/vkey) with the one you noted down.',
    exit: 5,
  },
  AUDIT_KEY_INVALID: {
    what: 'the verifier key is refused: {problem}.',
    next: 'Pass the line from .cloned/audit/vkey as it stands.',
    exit: 5,
  },
  AUDIT_PROOF_INVALID: {
    what: 'the proof does not hold: {problem}.',
    next: 'Make a new one from the log: cloned audit prove SEQ',
    exit: 5,
  },
  AUDIT_UNPROVABLE: {
    what: 'there is no proof to make: {problem}.',
    next: 'Sign the log as it is now, then try again: cloned audit checkpoint --sign',
    exit: 1,
  },
  AUDIT_KEY_CHANGED: {
    what: 'the audit log is not signed: key {kid} is not the last one in {path}, which the log names.',
    next: 'Put the key back, or have the log name the new one: cloned audit rotate-key',
    exit: 1,
  },
  AUDIT_DISK_FULL: {
    what: 'only {free} MiB are free for the audit log, which needs {needed}. Denied, failing closed.',
    next: 'Free disk space, then call again. How much there is says: cloned doctor',
    exit: 3,
  },
  AUDIT_ANCHOR_STALE: {
    what: 'anchor "{anchor}" must hold a checkpoint that is not older than {limit} s, and does not: {cause}. Denied, failing closed.',
    next: 'See what each anchor holds, and try now: cloned audit anchors --submit',
    exit: 3,
  },
  AUDIT_ANCHOR_INVALID: {
    what: 'anchor "{anchor}" cannot be used: {problem}.',
    next: 'Change it under anchors in the configuration of plugin cloned.audit.',
    exit: 1,
  },
  AUDIT_PRUNE_REFUSED: {
    what: 'nothing is pruned: {problem}.',
    next: 'See which files of the log are closed: ls .cloned/audit/segments',
    exit: 1,
  },
  // -- skills and runs ---------------------------------------------------------------------------------------------
  TEMPLATE_INVALID: {
    what: 'the template "{template}" cannot be read: {problem}.',
    next: 'Name a place by its path, for example inputs.directory or steps.scan.output.files[0], in dollar and braces.',
    exit: 1,
  },
  TEMPLATE_UNRESOLVED: {
    what: 'the expression {template} has no value: {problem}.',
    next: 'Compare the path with what the inputs and the earlier steps hold: cloned runs show ID --json',
    exit: 1,
  },
  PACK_REQUIRES: {
    what: 'pipeline "{pipeline}" cannot run here: {problems}.',
    next: 'See what is installed: cloned connectors list   and install what is missing: cloned connectors install FILE',
    exit: 1,
  },
  PIPELINE_CHECK: {
    what: 'pipeline "{pipeline}" cannot run: {problems}.',
    next: 'See every problem with its line: cloned skills validate DIR',
    exit: 1,
  },
  PIPELINE_INVALID: {
    what: 'pipeline "{pipeline}" is not valid: {problems}.',
    next: 'Correct the definition at those places.',
    exit: 2,
  },
  SKILL_PACK_UNKNOWN: {
    what: 'there is no skill pack "{pack}".',
    next: 'List them: cloned skills list',
    exit: 1,
  },
  SKILL_PACK_OFF: {
    what: 'skill pack "{pack}" is installed and does not run: it is {state}.',
    next: 'Look at what is installed: cloned skills list   and enable it: cloned skills enable {pack}',
    exit: 3,
  },
  SKILL_PACK_OTHER: {
    what: 'skill pack {pack} is another than its package says: {problem}.',
    next: 'Pack the directory again: cloned skills pack DIR   and sign and install what comes of it.',
    exit: 5,
  },
  CONSTITUTION_NO_STEP: {
    what: '"{actor}" has no step in hand that calls {target}.',
    next: 'Let the run make its own calls; nobody else may act as it.',
    exit: 3,
  },
  CONSTITUTION_TOOL: {
    what: 'the constitution of {constitution} does not list {tool} in its allowed_tools, and step "{step}" called it.',
    next: 'If it should be called, add {tool} to allowed_tools there, and start a new run.',
    exit: 3,
  },
  CONSTITUTION_CAPABILITY: {
    what: 'the constitution of {constitution} does not list the capability {capability}, and step "{step}" called {tool}.',
    next: 'If it should be called, add {capability} to capabilities there, and start a new run.',
    exit: 3,
  },
  CONSTITUTION_SOURCE: {
    what: 'the constitution of {constitution} has no data source for {path}, and step "{step}" called {tool} with it.',
    next: 'If it should be reached, add its directory to data_sources there, and start a new run.',
    exit: 3,
  },
  CONSTITUTION_EGRESS: {
    what: 'the constitution of {constitution} does not list {url} in its egress, and step "{step}" wanted to reach it.',
    next: 'If it should be reached, add the host to egress there, and start a new run.',
    exit: 3,
  },
  CONSTITUTION_DURATION: {
    what: 'the constitution of {constitution} gives {most} ms, which are over; step "{step}" may not start {target}.',
    next: 'Raise max_duration_ms there if that is too little, and start a new run.',
    exit: 3,
  },
  CONSTITUTION_COST: {
    what: 'the constitution of {constitution} gives {most} of "{category}"; {spent} are spent, and {tool} in step "{step}" costs {cost}.',
    next: 'Raise max_cost there if that is too little, and start a new run.',
    exit: 3,
  },
  SKILL_PACK_DUPLICATE: {
    what: 'skill pack "{pack}" is there twice: {first} and {second}.',
    next: 'Remove one of them, or give it another id.',
    exit: 6,
  },
  PIPELINE_UNKNOWN: {
    what: 'there is no pipeline "{pipeline}".',
    next: 'Run one of these: {known}',
    exit: 2,
  },
  RUN_INPUTS_INVALID: {
    what: 'the inputs of pipeline "{pipeline}" do not fit its schema: {problems}.',
    next: 'Correct them: cloned run {pipeline} --input JSON',
    exit: 2,
  },
  RUN_UNKNOWN: {
    what: 'there is no run "{run}".',
    next: 'List them: cloned runs list',
    exit: 1,
  },
  RUN_ENDED: {
    what: 'run "{run}" has ended ({state}) and cannot be {action}.',
    next: '{help}',
    exit: 1,
  },
  RUN_CLAIMED: {
    what: '"{actor}" is only a claim; nobody may act as a run but the run itself.',
    next: 'Leave out --actor, or name yourself.',
    exit: 3,
  },
  RUN_INACTIVE: {
    what: '"{actor}" is not a run that this process is carrying out.',
    next: 'Let the run make its own calls: cloned runs resume {run}',
    exit: 3,
  },
  RUN_APPROVAL_DENIED: {
    what: 'approval {approval} for step "{step}" was denied{reason}.',
    next: 'See who decided: cloned approvals show {approval}',
    exit: 3,
  },
  RUN_STEP_INDETERMINATE: {
    what: 'step "{step}" ({tool}) was interrupted after it was let through; whether it had its effect is not known.',
    next: 'Look at what happened: cloned audit tail   then repeat it: cloned runs resume {run} --retry   or, if it happened: cloned runs resume {run} --happened',
    exit: 1,
  },
  RUN_STEP_UNKNOWN: {
    what: 'run "{run}" has no such step "{step}", or not exactly one that this can be said of.',
    next: 'See its steps: cloned runs show {run}',
    exit: 2,
  },
  RUN_CONDITION: {
    what: 'the condition of step "{step}" gives {found}, not true or false.',
    next: 'Compare in the condition of the step, as in inputs.count > 0, and start a new run.',
    exit: 1,
  },
  RUN_ITEMS: {
    what: 'the items of step "{step}" cannot be gone through: {problem}.',
    next: 'Give for_each.items of the step a list, or raise max_items.',
    exit: 1,
  },
  RUN_LARGE: {
    what: 'step "{step}" is not begun: the run has come to {steps} steps and items.',
    next: 'Let the pipeline go through shorter lists, or through fewer of them inside one another.',
    exit: 1,
  },
  RUN_PART_MISSING: {
    what: 'step "{step}" runs pipeline "{pipeline}", which its own pipeline does not bring.',
    next: 'Check the pack: cloned skills validate DIR',
    exit: 1,
  },
  RUN_OUTPUT_LARGE: {
    what: 'step "{step}" answered {bytes} bytes, too many to keep with the run, and no artifact could be saved: {problem}.',
    next: 'Let the step answer less, or allow cloned.internal.artifact.save@v1 in the policy.',
    exit: 1,
  },
  RUN_OUTPUT_LOST: {
    what: 'the output of step "{step}" is gone: artifact {artifact} is missing or is not what was saved.',
    next: 'See what is wrong: cloned artifacts verify {artifact}   then run the pipeline anew.',
    exit: 5,
  },
  RUN_FORMAT: {
    what: 'run "{run}" was begun by an older version, whose pipelines had another form.',
    next: 'Run the pipeline anew.',
    exit: 1,
  },
  RUN_PIPELINE_GONE: {
    what: 'pipeline "{pipeline}" {version}, with which the run began, is not there any more, or its pack is disabled.',
    next: 'Install or enable its pack, then: cloned runs list',
    exit: 1,
  },
  // -- fs ----------------------------------------------------------------------------------------------------------
  FS_PATH_REFUSED: {
    what: 'path {path} is refused: {reason}.',
    next: 'Give a path relative to the workspace root that stays inside it, for example "docs/start.md".',
    exit: 1,
  },
  FS_GLOB_REFUSED: {
    what: 'glob {glob} is refused: {reason}.',
    next: 'Use names, "*", "?", "**" and choices in braces, for example "**/*.md".',
    exit: 1,
  },
  FS_NOT_FOUND: {
    what: 'there is nothing at {path} in the workspace.',
    next: 'List what is there with the tool cloned.internal.fs.list@v1.',
    exit: 1,
  },
  FS_TOO_LARGE: {
    what: '{path} has {size} bytes; at most {limit} are allowed.',
    next: 'Split the file, or name a smaller one.',
    exit: 1,
  },
  FS_NOT_TEXT: {
    what: '{path} is not UTF-8 text.',
    next: 'Name a text file; other files cannot be read by this tool.',
    exit: 1,
  },
  FS_FAILED: {
    what: 'the file system refused {path}: {cause}.',
    next: 'Check the permissions of the path and the free space of the disk.',
    exit: 1,
  },
  // -- artifacts ---------------------------------------------------------------------------------------------------
  ARTIFACT_REFUSED: {
    what: 'the artifact is refused: {reason}.',
    next: 'Give a plain file name without a directory, for example "report.md", and at most 16 MiB.',
    exit: 1,
  },
  ARTIFACT_DAMAGED: {
    what: 'artifact {artifact} is not what was saved.',
    next: 'See what is wrong with it: cloned artifacts verify {artifact}',
    exit: 5,
  },
  ARTIFACT_EXPORT: {
    what: 'artifact {artifact} could not be exported to {directory}: {cause}.',
    next: 'Name a directory that does not exist yet, in one that does: cloned artifacts export {artifact} --to DIR',
    exit: 1,
  },
  ARTIFACT_KEY: {
    what: 'the key to verify with cannot be used: {problem}.',
    next: 'Give the PEM file of an Ed25519 public key; "cloned artifacts export" writes one as key.pem.',
    exit: 2,
  },
  ARTIFACT_UNSAVED: {
    what: 'the artifact could not be saved: {cause}.',
    next: 'Check the free space and the permissions of .cloned/artifacts, then save it again.',
    exit: 1,
  },
  ARTIFACT_UNKNOWN: {
    what: 'there is no artifact "{artifact}".',
    next: 'List them: cloned artifacts list',
    exit: 1,
  },
  // -- workspace ---------------------------------------------------------------------------------------------------
  WORKSPACE_MISSING: {
    what: 'there is no workspace in {from} or in a directory above it.',
    next: 'Make one for what you do here: cloned init   Or one that is used wherever there is no nearer one: cloned init ~',
    exit: 6,
  },
  WORKSPACE_EXISTS: {
    what: '{path} exists already; nothing was changed.',
    next: 'Use the workspace as it is, or choose another directory: cloned init DIR',
    exit: 6,
  },
  WORKSPACE_UNSAFE: {
    what: '{path} is refused: {problem}.',
    next: 'Make it a directory that is yours and that nobody else may write: chmod 700 {path}',
    exit: 6,
  },
  WORKSPACE_FOREIGN: {
    what: '{path} is not noted as yours in this place: it may have come with files of somebody else, and with their policy.',
    next: 'If it is yours, moved or restored: cloned init --adopt {root}   If not: remove it, or name yours with --workspace DIR',
    exit: 6,
  },
  WORKSPACE_TYPE: {
    what: 'there is no workspace type "{type}".',
    next: 'Use one of: cloned init --type personal|shared|enterprise',
    exit: 2,
  },
  WORKSPACE_UNWRITABLE: {
    what: 'no workspace was made in {path}: {cause}.',
    next: 'See that you may write there and that the disk has space, or choose another directory: cloned init DIR',
    exit: 6,
  },
  WORKSPACE_CLOSED: {
    what: 'the workspace was used before it was opened or after it was closed.',
    next: 'Use it between onStart() and onStop().',
    exit: 1,
  },
  // -- store -------------------------------------------------------------------------------------------------------
  STORE_CONFLICT: {
    what: 'the store undid a batch: statement {statement} {found}, expected {expected}.',
    next: 'Something else changed it first; read again and decide again.',
    exit: 1,
  },
  STORE_STATEMENT: {
    what: 'the store refused a statement: {problem} ({sql}).',
    next: 'Report it to the author of the plugin that wrote it.',
    exit: 1,
  },
  STORE_BUSY: {
    what: 'the store was locked by other processes for {ms} ms; nothing was written.',
    next: 'Try again, and look for a process that hangs: cloned doctor',
    exit: 1,
  },
  STORE_FAILED: {
    what: 'the store failed: {cause}. What was being written is not acknowledged.',
    next: 'Free disk space, then run: cloned doctor',
    exit: 1,
  },
  STORE_CLOSED: {
    what: 'the store was used before it was opened or after it was closed.',
    next: 'Use it between onStart() and onStop().',
    exit: 1,
  },
  STORE_UNUSABLE: {
    what: 'the store {path} cannot be used: {problem}. It was not changed.',
    next: 'Restore {path} from a backup. Without one, move away what is left of it, then: cloned store adopt',
    exit: 6,
  },
  STORE_NEWER: {
    what: 'the store holds step {found} of the tables of "{owner}"; this version knows {known}.',
    next: 'Use the version that wrote the workspace, or a newer one.',
    exit: 6,
  },
  STORE_QUEUE_TAKEN: {
    what: 'queue "{queue}" has a handler already.',
    next: 'Use another queue name; begin it with the id of your plugin.',
    exit: 1,
  },
  STORE_STEP_CHANGED: {
    what: 'step {step} of the tables of "{owner}" is not the step that was applied to this store.',
    next: 'Undo the change of the published step and add a new one after it.',
    exit: 1,
  },
  // -- scrubbing ---------------------------------------------------------------------------------------------------
  SECRET_UNSCRUBBABLE: {
    what: 'the secret "{name}" cannot be kept out of what leaves the process: {problem}. It is not used.',
    next: 'Have its issuer make a longer, random one, then: cloned vault rotate {name}',
    exit: 1,
  },
  SECRET_IN_INPUT: {
    what: 'the input holds the value of {names}, so it has leaked; it goes no further.',
    next: 'Find out where the value came from, then replace it: cloned vault rotate {first}',
    exit: 3,
  },
  // -- vault providers ---------------------------------------------------------------------------------------------
  OUTBOUND_REFUSED: {
    what: 'a request to {host} was not sent: {problem}.',
    next: 'Correct the address in the configuration of what sends it.',
    exit: 6,
  },
  OUTBOUND_FAILED: {
    what: 'a request to {host} came to no answer: {problem}.',
    next: 'Look whether that host can be reached from here, then try again.',
    exit: 1,
  },
  VAULT_PACKAGE_MISSING: {
    what: 'vault provider "{provider}" needs the package {package}, which cannot be loaded: {cause}.',
    next: 'Install it beside cloned: npm install {package}',
    exit: 6,
  },
  // -- budgets -----------------------------------------------------------------------------------------------------
  BUDGET_EXCEEDED: {
    what: 'budget "{category}" is used up: {used} of {limit} in {length} are used, this call takes {amount}; the window ends {ends}.',
    next: 'Call again after that, or raise the limit under budgets in .cloned/policy/{pack}.yaml, then: cloned policy adopt',
    exit: 3,
  },
  // -- policy ------------------------------------------------------------------------------------------------------
  POLICY_STALE: {
    what: 'the policy write for "{pack}" is stale: {problem}. Nothing was changed.',
    next: 'Look at the policy in force with "cloned policy show", then give the command that asked for this once more.',
    exit: 1,
  },
  POLICY_UNPROVEN: {
    what: 'the policy in force cannot be proven: {problem}. Every call is denied.',
    next: 'Bring back what was changed; or, to put the policy as it stands in force anew: cloned policy adopt',
    exit: 6,
  },
  POLICY_BUSY: {
    what: 'another process has been changing the policy for {seconds} s. Nothing was changed.',
    next: 'Try again; if it stays so, end the process that holds .cloned/policy.lock.',
    exit: 1,
  },
  POLICY_UNAPPROVED: {
    what: 'the policy write was not carried out: the audit log has no record of its approval.',
    next: 'Ask again: cloned policy adopt',
    exit: 3,
  },
  POLICY_CHANGE_UNKNOWN: {
    what: 'there is no change "{change}" of the policy.',
    next: 'See the changes: cloned policy history',
    exit: 1,
  },
  POLICY_OVERLAY_MISSING: {
    what: 'there is no overlay {file} to adopt.',
    next: 'Write it; "version: 1" and "pack: {pack}" alone stand for the pack as it is. Then: cloned policy adopt',
    exit: 1,
  },
  // -- firewall ----------------------------------------------------------------------------------------------------
  EGRESS_RULES: {
    what: 'the egress rules of the policy cannot be used: {problems}.',
    next: 'Change those rules in .cloned/policy, then: cloned policy adopt',
    exit: 2,
  },
  EGRESS_DENIED: {
    what: '{method} {url} is not allowed: {reason}.',
    next: '{next}',
    exit: 3,
  },
  EGRESS_ADDRESS: {
    what: '{host} leads to an address that is not allowed.',
    next: 'If that is meant, allow the range it is in: cloned firewall allow {host} --address RANGE --port PORT (with --tool or --connector as before)',
    exit: 3,
  },
  EGRESS_REQUEST: {
    what: 'the request to {host} cannot be sent: {problem}.',
    next: 'Change the request: {next}',
    exit: 1,
  },
  EGRESS_REDIRECT: {
    what: 'a redirect of {host} is not followed: {problem}.',
    next: 'Fetch the address it leads to by itself, if it is meant.',
    exit: 3,
  },
  EGRESS_RESPONSE: {
    what: 'the response of {host} is refused: {problem}.',
    next: 'Ask for less, or raise the limit of this request.',
    exit: 1,
  },
  EGRESS_TIMEOUT: {
    what: 'the request to {host} was given up after {ms} ms.',
    next: 'Try again, or give the request more time.',
    exit: 1,
  },
  EGRESS_REVOKED: {
    what: 'the request to {host} was stopped: the policy does not allow it any more.',
    next: 'See what it allows: cloned firewall list',
    exit: 3,
  },
  EGRESS_CANCELLED: {
    what: 'the request to {host} was cancelled.',
    next: 'Make it again if it is still wanted.',
    exit: 1,
  },
  EGRESS_FAILED: {
    what: 'the request to {host} failed: {cause}.',
    next: 'Check the name and that the host answers, then try again.',
    exit: 1,
  },
  EGRESS_PROPOSAL: {
    what: 'nothing was proposed: {problems}.',
    next: 'Name single hosts in lower-case ASCII; addresses with --port, private ones with --address too: cloned firewall allow --help',
    exit: 2,
  },
  EGRESS_OVERLAY_EDITED: {
    what: '{file} was edited or removed since it was approved, so no rule is added to it or taken out.',
    next: 'Undo that, or put the file as it stands in force first: cloned policy adopt',
    exit: 1,
  },
  EGRESS_OVERLAY_SHAPE: {
    what: '{place} of the policy overlay is an alias, which is not edited by a command.',
    next: 'Edit the file itself, then: cloned policy adopt',
    exit: 1,
  },
  // -- egress proxy ------------------------------------------------------------------------------------------------
  EGRESS_PROXY_OPEN: {
    what: 'no way out was opened for connector "{connector}": {problem}.',
    next: 'Correct that, then start the connector again.',
    exit: 1,
  },
  EGRESS_PROXY_REQUEST: {
    what: 'a request of connector "{connector}" to its proxy was refused: {problem}.',
    next: 'Send plain HTTP/1.1: CONNECT host:port for https, or a whole http:// URL with the same Host.',
    exit: 1,
  },
  CONNECTOR_REQUESTS: {
    what: 'a call of {tool} has asked for {limit} requests, which is the most that one call may; connector "{connector}" gets no more for it.',
    next: 'Ask its publisher why it takes so many, or raise "requests" in the configuration of cloned.connectors.',
    exit: 1,
  },
  EGRESS_PROXY_RATE: {
    what: 'connector "{connector}" has asked for {limit} connections in a minute, which is the most it may.',
    next: 'Ask its publisher why it takes so many, or raise "perMinute" in the configuration of cloned.egress-proxy.',
    exit: 1,
  },
  EGRESS_PROXY_BUSY: {
    what: 'connector "{connector}" has {limit} connections open, which is the most it may have.',
    next: 'Close some of them, or raise "connections" in the configuration of cloned.egress-proxy.',
    exit: 1,
  },
  EGRESS_PROXY_SNI: {
    what: 'a tunnel to {host} was closed: {problem}.',
    next: 'Speak TLS in it, with the name of that host in clear (SNI), and without encrypted ClientHello.',
    exit: 3,
  },
  EGRESS_PROXY_UNASKED: {
    what: 'no connector of this process waits for {method} {url}; nothing was sent.',
    next: 'Make the request again through the proxy of the connector.',
    exit: 1,
  },
  // -- keys and vault ----------------------------------------------------------------------------------------------
  FILE_UNSAFE: {
    what: '{path} {problem}; it is not used.',
    next: 'If nobody else made it: chmod go-rwx and chown it to yourself, or move it away. Then: cloned doctor',
    exit: 6,
  },
  KEY_MISSING: {
    what: 'the workspace uses key {kid} for {purpose}, and {path} does not hold it. No new one was made in its place.',
    next: 'Bring that file back from the machine or account that made it; what it signed or sealed needs it.',
    exit: 6,
  },
  KEY_PURPOSE: {
    what: 'the purpose of a key "{purpose}" is not valid.',
    next: 'Use lower-case letters, digits and "-", at most 32, beginning with a letter.',
    exit: 1,
  },
  KEY_BUSY: {
    what: 'the keys in {path} were locked by other processes for {ms} ms.',
    next: 'Try again, and look for a process that hangs.',
    exit: 1,
  },
  VAULT_CLOSED: {
    what: 'the vault was used before it was opened or after it was closed.',
    next: 'Use it between onStart() and onStop().',
    exit: 1,
  },
  VAULT_PROVIDER_UNKNOWN: {
    what: 'the workspace keeps its secrets with provider "{provider}", and there is none of that name; there are {known}.',
    next: 'Correct vault.provider in .cloned/config.yaml, or add the plugin that brings it.',
    exit: 6,
  },
  VAULT_PROVIDER_TWICE: {
    what: 'vault provider "{provider}" comes from two plugins, {plugins}.',
    next: 'Leave one of them out of the distribution.',
    exit: 1,
  },
  VAULT_CONFIG_INVALID: {
    what: 'the vault section of .cloned/config.yaml is refused: {problems}.',
    next: 'Correct it, then: cloned vault provider --adopt',
    exit: 6,
  },
  VAULT_CONFIG_FOREIGN: {
    what: 'nobody here has adopted the vault section of .cloned/config.yaml as it stands; it could send secrets anywhere.',
    next: 'Read it, then: cloned vault provider --adopt',
    exit: 6,
  },
  VAULT_PROVIDER_FAILED: {
    what: 'vault provider "{provider}" could not answer: {problem}.',
    next: 'Look at it: cloned vault status',
    exit: 1,
  },
  VAULT_UNSUPPORTED: {
    what: 'vault provider "{provider}" cannot {what}.',
    next: 'Use its own tools for that, or another provider: cloned vault provider',
    exit: 1,
  },
  VAULT_VALUE_REFUSED: {
    what: 'the value for "{name}" is refused: {problem}. Nothing was stored.',
    next: 'Store one credential by itself, as its issuer made it.',
    exit: 2,
  },
  VAULT_NAME_INVALID: {
    what: '"{name}" is not a name for a secret.',
    next: 'Use lower-case letters, digits, "_", "." and "-", at most 64, beginning with a letter or a digit.',
    exit: 2,
  },
  VAULT_SCOPE_INVALID: {
    what: 'the scope is refused: {problem}.',
    next: 'Say where the secret may go: --host api.example.com --tool "acme.*" --slot header:authorization',
    exit: 2,
  },
  VAULT_SEAL_GONE: {
    what: 'the value that "{name}" was to get is not kept any more. Nothing was changed.',
    next: 'Give it again: cloned vault set {name}',
    exit: 1,
  },
  VAULT_UNKNOWN: {
    what: 'the vault holds no secret "{name}".',
    next: 'Look at the names: cloned vault list',
    exit: 1,
  },
  VAULT_DAMAGED: {
    what: 'the vault {path} is refused: {problem}. It was not changed.',
    next: 'Restore it from a copy that is as new ({path}.prev may be), or move it away to begin with an empty one.',
    exit: 6,
  },
  VAULT_ROLLED_BACK: {
    what: 'the vault {path} is not the one that was last written: {problem}.',
    next: 'Put the newest copy back. Secrets that were rotated or disabled since would be in force again.',
    exit: 6,
  },
  VAULT_LOCKED: {
    what: 'none of the key slots of {path} opens here: {problems}.',
    next: 'Bring the key back, or name a file with the passphrase: CLONED_VAULT_PASSPHRASE_FILE=… cloned vault status',
    exit: 6,
  },
  VAULT_SLOT: {
    what: 'the key slots are left as they are: {problem}.',
    next: 'Look at them: cloned vault slots',
    exit: 1,
  },
  SECRET_DENIED: {
    what: 'no secret "{name}" can be used here.',
    next: 'A person can look at it: cloned vault show {name}',
    exit: 3,
  },
  SECRET_UNBOUND: {
    what: 'the secret "{name}" is not put into {slot} of a request to {host}: {problem}. Nothing was sent.',
    next: 'Compare the request with the scope of the secret: cloned vault show {name}',
    exit: 3,
  },
  SECRET_TEMPLATE: {
    what: 'a reference to a secret cannot be read: {problem}.',
    next: 'Write a dollar sign and, in braces, "vault:" with the name of the secret.',
    exit: 6,
  },
  SECRET_REFERENCE: {
    what: 'the input of {tool} holds a reference to a secret at {pointer}; those mean something in configuration only.',
    next: 'Leave it out. A connector that needs a secret declares where it goes.',
    exit: 3,
  },
  // -- the HTTP API -------------------------------------------------------------------------------------------------
  API_UNAUTHENTICATED: {
    what: 'the request does not prove who it comes from.',
    next: 'Send "Authorization: Bearer" with the token that .cloned/api.json points to, or pair the device.',
    exit: 3,
  },
  API_SCOPE: {
    what: 'this client may not do that: it has no scope "{scope}".',
    next: 'Have the owner give the device that scope: cloned pairings list',
    exit: 3,
  },
  API_HOST: {
    what: 'this server does not answer to the host "{host}".',
    next: 'Use the address in .cloned/api.json.',
    exit: 3,
  },
  API_ORIGIN: {
    what: 'pages of {origin} may not use this API.',
    next: 'Name the origin in the policy under ui.origins: cloned policy show',
    exit: 3,
  },
  API_NOT_FOUND: {
    what: 'there is nothing at this path.',
    next: 'See what there is: GET /v1/openapi.json',
    exit: 2,
  },
  API_REQUEST: {
    what: 'the request is not valid: {problem}.',
    next: 'See what the route takes: GET /v1/openapi.json',
    exit: 2,
  },
  API_IDEMPOTENCY: {
    what: 'this Idempotency-Key {problem}.',
    next: 'Look at what the first request did, then use a new key.',
    exit: 1,
  },
  API_RATE: {
    what: 'this client asks too often.',
    next: 'Wait {seconds} s, or raise per_minute of cloned.api in the distribution.',
    exit: 1,
  },
  API_LOCKED_OUT: {
    what: 'this client has sent wrong credentials too often.',
    next: 'Wait {seconds} s, then use the token that .cloned/api.json points to.',
    exit: 3,
  },
  API_ROUTE: {
    what: 'the route {route} cannot be served: {problem}.',
    next: 'Describe it in its schema and config, as docs/api/index.md says.',
    exit: 1,
  },
  API_PUBLIC: {
    what: 'the API does not listen on {host} without {missing}.',
    next: 'Give it that, or leave --host out: it then listens on this machine alone.',
    exit: 2,
  },
  API_ADDRESS: {
    what: 'the API cannot listen on {address}: {cause}.',
    next: 'Choose another address: cloned serve --port 0',
    exit: 1,
  },
  API_FAILED: {
    what: "the request failed for a reason that is not the client's.",
    next: 'See the log of the server.',
    exit: 1,
  },
  SANDBOX_MISSING: {
    what: 'the connector {connector} needs a sandbox, and this machine has none: {problem}. Nothing was started.',
    next: '{fix} Then look again: cloned doctor',
    exit: 3,
  },
  SANDBOX_ESCAPED: {
    what: 'the sandbox of the connector {connector} could be left: it {ways}. The connector was not started.',
    next: 'Do not use connectors on this machine until that is mended: cloned doctor',
    exit: 3,
  },
  SANDBOX_FAILED: {
    what: 'the connector {connector} was not started in its sandbox: {problem}.',
    next: 'Look at its program and at the machine: cloned doctor',
    exit: 1,
  },
  CONNECTOR_SKEW: {
    what: 'the connector {connector} speaks the worker protocol {theirs}, and this version speaks {ours}. It was ended.',
    next: 'Install a version of it for protocol {ours}, or the version of cloned that it was made for.',
    exit: 1,
  },
  CONNECTOR_PROTOCOL: {
    what: 'the worker of the connector {connector} was ended: {problem}.',
    next: 'Tell its publisher. What it wrote to standard error is in the diagnostics.',
    exit: 1,
  },
  CONNECTOR_CRASHED: {
    what: 'the connector {connector} is not started again yet, because of how it ended before: {problem}.',
    next: 'Call again in {seconds} s, or disable it: cloned connectors disable {connector}',
    exit: 1,
  },
  CONNECTOR_SOURCE: {
    what: '{path} is no source of a connector: {problem}.',
    next: 'Begin one: cloned connectors init DIR --id acme.weather',
    exit: 2,
  },
  CONNECTOR_DESCRIBE: {
    what: 'the connector in {directory} was started and did not say what it is: {problem}.',
    next: 'Mend what it says there; /app/connector is that directory. The file that is started calls serve() last.',
    exit: 1,
  },
  CONNECTOR_DEV: {
    what: 'the connector in {directory} is not run from source: this workspace is not one for development.',
    next: 'To make it one: cloned trust root --mode dev',
    exit: 3,
  },
  // -- packages ----------------------------------------------------------------------------------------------------
  PACKAGE_INVALID: {
    what: 'the package is refused: {problem}.',
    next: 'Get it anew from its publisher; whoever makes it packs and signs it again: cloned connectors pack DIR',
    exit: 5,
  },
  // -- trust -------------------------------------------------------------------------------------------------------
  KEY_UNSOUND: {
    what: 'the key {kid} is refused: it {problem}.',
    next: 'Make a new Ed25519 key, for example: cloned connectors key FILE --publisher ID',
    exit: 5,
  },
  SIGNATURE_INVALID: {
    what: 'the signature is refused: {problem}.',
    next: 'See whose keys count here: cloned trust list. A publisher is added with: cloned trust add FILE',
    exit: 5,
  },
  PUBLISHER_UNKNOWN: {
    what: 'there is no publisher "{publisher}" in the trust store.',
    next: 'See who is: cloned trust list. Add one: cloned trust add FILE',
    exit: 5,
  },
  PUBLISHER_NAMESPACE: {
    what: 'publisher "{publisher}" may not publish "{id}": {problem}.',
    next: 'See its namespaces: cloned trust list',
    exit: 5,
  },
  TRUST_ROOT_MISSING: {
    what: 'this workspace has no root of trust, so no signature counts.',
    next: 'Add a publisher, which makes one: cloned trust add FILE',
    exit: 5,
  },
  TRUST_REVOKED: {
    what: '{what} was revoked: {reason}.',
    next: 'Look at the revocations: cloned trust list. Ask the publisher for a release that is not.',
    exit: 5,
  },
  TRUST_STALE: {
    what: 'the revocations cannot be relied on: {problem}.',
    next: 'Renew them: cloned trust root --renew',
    exit: 5,
  },
  TRUST_DRIFT: {
    what: '{file} is not what was approved; nothing is trusted meanwhile.',
    next: 'Put the approved files back: cloned trust root --restore. Change them only by: cloned trust add|remove|revoke',
    exit: 6,
  },
  TRUST_ROLLED_BACK: {
    what: 'the trust store is not the one that was last approved: {problem}.',
    next: 'Put the newest .cloned/state.db back; the audit log has what was approved: cloned audit query --type trust.document',
    exit: 6,
  },
  TRUST_REFUSED: {
    what: '{document} is not taken into the trust store: {problem}.',
    next: 'Get a newer one from whoever signs it, or look at what is there: cloned trust list',
    exit: 5,
  },
  // -- wrapped MCP servers -----------------------------------------------------------------------------------------
  MCP_SERVER_REFUSED: {
    what: 'the MCP server "{name}" is not wrapped: {problem}.',
    next: '{next}',
    exit: 2,
  },
  MCP_SERVER_CHANGED: {
    what: 'the MCP server "{name}" is not the one that was approved, and does not run: {problem}.',
    next: 'Wrap it again as it is to be: cloned mcp wrap {name}',
    exit: 6,
  },
  MCP_SERVER_FAILED: {
    what: 'the MCP server "{name}" did not do what it was asked: {problem}.',
    next: 'Look at it: cloned mcp show {name}',
    exit: 1,
  },
  MCP_TOOL_QUARANTINED: {
    what: 'the tool "{tool}" of the MCP server "{name}" is quarantined: {problem}.',
    next: 'See what has changed: cloned mcp diff {name}. Then agree to it, or not: cloned mcp enable {name}',
    exit: 3,
  },
  MCP_RESULT: {
    what: 'the MCP server "{name}" answered a call with what is no result: {problem}.',
    next: 'Find out whether the call had an effect before you repeat it.',
    exit: 1,
  },
  // -- connectors --------------------------------------------------------------------------------------------------
  CONNECTOR_UNKNOWN: {
    what: 'connector "{id}" is not installed here.',
    next: 'See what is: cloned connectors list',
    exit: 1,
  },
  CONNECTOR_DISABLED: {
    what: 'connector "{id}" is installed and not enabled.',
    next: 'Enable it: cloned connectors enable {id}',
    exit: 3,
  },
  CONNECTOR_QUARANTINED: {
    what: 'connector "{id}" is quarantined and does not run: {problem}.',
    next: 'Look at it: cloned connectors show {id}. Install it again from its publisher when it is mended.',
    exit: 5,
  },
  CONNECTOR_IMMUTABLE: {
    what: '{what} was seen here before with other contents; a published version never changes.',
    next: 'Ask the publisher for a release under a new version, and why this one differs.',
    exit: 5,
  },
  CONNECTOR_REFUSED: {
    what: 'connector "{id}" is not installed: {problem}.',
    next: '{next}',
    exit: 3,
  },
  INCOMING_GONE: {
    what: 'the package that was to be installed ({archive}) is not kept any more. Nothing was changed.',
    next: 'Ask again: cloned connectors install FILE',
    exit: 1,
  },
  OFFER_UNKNOWN: {
    what: 'no catalog that was asked offers "{id}".',
    next: 'See what they offer: cloned connectors search',
    exit: 1,
  },
  CATALOG_INVALID: {
    what: 'the catalog {where} is refused: {problem}.',
    next: 'Ask whoever keeps it for an index that is newer and signed: cloned connectors search --catalog WHERE',
    exit: 5,
  },
  // -- the MCP gateway ---------------------------------------------------------------------------------------------
  MCP_SERVER_UNKNOWN: {
    what: 'no MCP server "{server}" is wrapped here{near}.',
    next: 'Wrap it: cloned mcp wrap NAME -- COMMAND',
    exit: 2,
  },
  // -- programs that use tools -------------------------------------------------------------------------------------
  CLIENT_FILE_REFUSED: {
    what: '{path} is left alone: {problem}.',
    next: 'Look at it, put it right, and run the command again: cloned import',
    exit: 1,
  },
  CLIENT_FILE_CHANGED: {
    what: '{path} was changed by somebody else meanwhile. It was not touched.',
    next: 'Close the program it belongs to and run the command again: cloned import',
    exit: 1,
  },
  CLIENT_UNKNOWN: {
    what: '"{client}" is neither a known client nor a file{near}.',
    next: 'Name one of {known}, or a file: cloned import --from FILE',
    exit: 2,
  },
  IMPORT_EDITED: {
    what: '{path} was edited since the import, so it is not put back as it was.',
    next: 'Put back only what the import changed and keep the edits: cloned import --undo --force',
    exit: 1,
  },
  IMPORT_BACKUP: {
    what: 'the backup of {path} cannot be used: {problem}. Nothing was changed.',
    next: 'Put the servers back by hand: their commands stand in cloned mcp list',
    exit: 1,
  },
  HOOK_INPUT: {
    what: 'what {client} told its hook cannot be judged: {problem}.',
    next: 'See that the hook is installed as cloned writes it: cloned import --from {client}',
    exit: 2,
  },
  // -- events and webhooks -----------------------------------------------------------------------------------------
  EVENT_REFUSED: {
    what: 'the event "{type}" was not put into the feed: {problem}.',
    next: 'Declare its type through eventTypesCollection, and keep its data small: see docs/api/events.md.',
    exit: 1,
  },
  EVENT_QUERY: {
    what: 'that does not say which events: {problem}.',
    next: 'See what there is: cloned events tail',
    exit: 2,
  },
  WEBHOOK_UNKNOWN: {
    what: 'there is no webhook "{name}".',
    next: 'See what there is: cloned webhooks list',
    exit: 1,
  },
  WEBHOOK_REFUSED: {
    what: 'the webhook "{name}" is not set up: {problem}.',
    next: '{next}',
    exit: 3,
  },
  PAIRING_UNKNOWN: {
    what: 'there is no paired device "{device}".',
    next: 'See who is there: cloned pairings list',
    exit: 1,
  },
  PAIRING_PENDING: {
    what: 'device {device} waits for a person to let it in.',
    next: 'Have the code on its screen approved, then ask again: cloned pairings approve CODE',
    exit: 4,
  },
  PAIRING_CODE: {
    what: 'no device that waits shows this code.',
    next: 'Compare it with the screen of the device. If they differ, somebody else asks: cloned pairings list',
    exit: 3,
  },
  PAIRING_REFUSED: {
    what: 'the device cannot be paired: {problem}.',
    next: 'Make a new key on the device and invite it again: cloned pairings invite',
    exit: 3,
  },
  PAIRING_LIMIT: {
    what: 'there are already {most} invitations and devices that wait.',
    next: 'Refuse those that nobody knows: cloned pairings list, then: cloned pairings revoke DEVICE',
    exit: 1,
  },
  // -- building distributions --------------------------------------------------------------------------------------
  BUILDER_MISSING: {
    what: 'building a distribution needs the bundler esbuild, and it is not installed.',
    next: 'Install it in the project: npm install --save-dev esbuild@0.28',
    exit: 1,
  },
  BUILD_SOURCE: {
    what: '{file} cannot be built: {problem}.',
    next: 'Write "export default defineDistribution({ … })" in the module that you name: cloned build FILE',
    exit: 1,
  },
  BUILD_PACKAGE: {
    what: 'package {package} exports no plugin.',
    next: 'Name a package whose default export was made by definePlugin.',
    exit: 1,
  },
  BUILD_FAILED: {
    what: 'the distribution cannot be built: {problems}.',
    next: 'Install what is missing, or correct what is named.',
    exit: 1,
  },
  BUILD_KERNEL: {
    what: 'this is cloned {own}, and the distribution is made of cloned {found}.',
    next: 'Build with the one that is built in: npx cloned@{found} build',
    exit: 1,
  },
  BUILD_LOCK_MISMATCH: {
    what: 'what is installed is not what {file} says:\n{problems}',
    next: 'Install what the lock says (npm ci), or accept what is installed: cloned build --update-lock',
    exit: 5,
  },
  BUILD_OUT: {
    what: '{path} holds something that is not an earlier build.',
    next: 'Name another directory: cloned build --out DIR',
    exit: 1,
  },
  BUILD_IN_BUILD: {
    what: 'this is a build, and a build has nothing to {what} with.',
    next: 'Use the package: npx cloned {command}',
    exit: 1,
  },
  BUILD_OUTSIDE: {
    what: '{path} is outside {project}, whose packages a build without a bundle imports.',
    next: 'Name a directory inside it: cloned build --no-bundle --out DIR',
    exit: 2,
  },
})

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS

type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
type ParamNames<C extends ErrorCode> = Exclude<
  Names<(typeof ERRORS)[C]['what'] | (typeof ERRORS)[C]['next']>,
  ` ${string}`
>

/** The parameters that the texts of a code name. */
export type ErrorParams<C extends ErrorCode> = { readonly [K in ParamNames<C>]: string | number }
