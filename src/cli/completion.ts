/** Completion scripts, generated from the table: commands, their options, and fixed values. */
import type { Command, Option, Run } from "./frame/command.ts";
import { exitCodes } from "./frame/exit-codes.ts";
import { helpOption } from "./frame/options.ts";

/** Prints the script of the named shell, for these commands. */
export function completionOf(commands: readonly Command[]): Run {
  return async (input, terminal) => {
    const make = scripts[input.args[0] ?? ""];
    if (make) terminal.out(make(commands));
    return exitCodes.done.code;
  };
}

const scripts: Readonly<Record<string, (commands: readonly Command[]) => string>> = { bash, zsh, fish };

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, helpOption];
}

function firstWords(commands: readonly Command[]): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))];
}

function secondWords(commands: readonly Command[]): ReadonlyMap<string, readonly string[]> {
  const two = commands.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" "));
  return new Map([...Map.groupBy(two, ([first = ""]) => first)].map(([first, names]) => [first, names.map(([, second = ""]) => second)]));
}

/** Options that take a file. */
function takesFile({ value }: Option): boolean {
  return value === "FILE";
}

function bash(commands: readonly Command[]): string {
  const groups = [...secondWords(commands)].map(([first, words]) => `    ${first}) [ "$COMP_CWORD" -eq 2 ] && words="${words.join(" ")}" ;;`);
  const perCommand = commands.map((command) => {
    const names = optionsOf(command).map(({ name }) => `--${name}`);
    const choices = command.args.flatMap(({ choices: values = [] }) => values);
    return `    "${command.name}") words="${[...choices, ...names].join(" ")}" ;;`;
  });
  const files = [
    ...new Set(
      commands
        .flatMap(optionsOf)
        .filter(takesFile)
        .flatMap(({ name, short }) => [...(short ? [`-${short}`] : []), `--${name}`]),
    ),
  ];
  return `# bash completion for muster: eval "$(muster completion bash)"
_muster() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" options=1
  local first="\${COMP_WORDS[1]}" second="\${COMP_WORDS[2]}"
  local name="$first"
  case "$first" in ${[...secondWords(commands).keys()].join("|")}) name="$first $second" ;; esac
  COMPREPLY=()
  case "$previous" in
    ${files.join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$name $previous" in
${bashValues(commands).join("\n")}
  esac
  if [ -n "$options" ]; then
    case "$first" in
${groups.join("\n")}
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
      words="${[...firstWords(commands), "help"].join(" ")} --help --version"
    elif [ -z "$words" ]; then
      case "$name" in
${perCommand.join("\n")}
      esac
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _muster muster
`;
}

/** The values of options; one with the same values wherever it is needs no command's name. */
function bashValues(commands: readonly Command[]): readonly string[] {
  const all = commands.flatMap((command) =>
    optionsOf(command).flatMap(({ name, short, choices }) => (choices ? [{ command, name, short, choices: choices.join(" ") }] : [])),
  );
  const lines = all.map(({ command, name, short, choices }) => {
    const isSame = all.every((other) => other.name !== name || other.choices === choices);
    const before = isSame ? '*" ' : `"${command.name} `;
    return `    ${short ? `${before}-${short}"|` : ""}${before}--${name}") words="${choices}"; options= ;;`;
  });
  return [...new Set(lines)];
}

function zsh(commands: readonly Command[]): string {
  const quoted = (text: string): string => text.replace(/'/g, "'\\''").replace(/([\\[\]:])/g, "\\$1");
  const spec = (option: Option): string => {
    const { name, short, value, choices, many, what } = option;
    const action = choices ? `:${value}:(${choices.join(" ")})` : takesFile(option) ? `:${value}:_files` : value === undefined ? "" : `:${value}:`;
    const names = short ? `{-${short},--${name}}` : `--${name}`;
    return many || short
      ? `'*'${names}'[${quoted(what)}]${quoted(action).replace(/\\:/g, ":")}'`
      : `'${names}[${quoted(what)}]${quoted(action).replace(/\\:/g, ":")}'`;
  };
  const describe = (rows: readonly (readonly [string, string])[]): string => rows.map(([word, what]) => `'${word}:${quoted(what)}'`).join(" ");
  const groups = secondWords(commands);
  const firsts = firstWords(commands).map((first): readonly [string, string] => [
    first,
    commands.find(({ name }) => name === first)?.what ?? `${groups.get(first)?.join(", ")} …`,
  ]);
  const cases = commands.map((command) => {
    const args = command.args.flatMap(({ choices, name, what, many }) =>
      choices ? [`'${many ? "*" : ""}:${name}:(${choices.join(" ")})'`] : [`'${many ? "*" : ""}:${quoted(what)}:'`],
    );
    return `    '${command.name}') _arguments -s ${[...optionsOf(command).map(spec), ...args].join(" ")} ;;`;
  });
  const nested = [...groups].map(([first]) => {
    const rows = commands
      .filter(({ name }) => name.startsWith(`${first} `))
      .map(({ name, what }): readonly [string, string] => [name.split(" ")[1] ?? "", what]);
    return `    ${first})
      if (( CURRENT == 2 )); then local -a words; words=(${describe(rows)}); _describe 'command' words; return; fi
      name="${first} $words[2]"; shift words; (( CURRENT-- )) ;;`;
  });
  return `#compdef muster
# zsh completion for muster
_muster() {
  local name
  if (( CURRENT == 2 )); then
    local -a firsts; firsts=(${describe(firsts)})
    _describe 'command' firsts
    return
  fi
  shift words; (( CURRENT-- ))
  name="$words[1]"
  case "$name" in
${nested.join("\n")}
  esac
  case "$name" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_muster" ]; then _muster "$@"; else compdef _muster muster; fi
`;
}

function fish(commands: readonly Command[]): string {
  const quoted = (text: string): string => `'${text.replace(/(['\\])/g, "\\$1")}'`;
  const groups = secondWords(commands);
  const firsts = firstWords(commands).map((first) => {
    const what = commands.find(({ name }) => name === first)?.what ?? [...(groups.get(first) ?? [])].join(", ");
    return `complete -c muster -n __fish_use_subcommand -f -a ${first} -d ${quoted(what)}`;
  });
  const rest = commands.flatMap((command) => {
    const [first = "", second] = command.name.split(" ");
    const seen = `__fish_seen_subcommand_from ${first}`;
    const here = second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`;
    const word =
      second === undefined
        ? []
        : [
            `complete -c muster -n ${quoted(`${seen}; and not __fish_seen_subcommand_from ${groups.get(first)?.join(" ")}`)} -f -a ${second} -d ${quoted(command.what)}`,
          ];
    const args = command.args.flatMap(({ choices }) => (choices ? [`complete -c muster -n ${quoted(here)} -f -a ${quoted(choices.join(" "))}`] : []));
    const options = optionsOf(command).map((option) => {
      const { name, short, value, choices, what } = option;
      const takes = value === undefined ? "" : takesFile(option) ? " -r -F" : choices ? ` -x -a ${quoted(choices.join(" "))}` : " -x";
      return `complete -c muster -n ${quoted(here)}${short ? ` -s ${short}` : ""} -l ${name}${takes} -d ${quoted(what)}`;
    });
    return [...word, ...args, ...options];
  });
  return ["# fish completion for muster", ...firsts, ...rest, ""].join("\n");
}
