// Writes docs/errors.md from the sources: every TP_… code with its class's docstring and message.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const rooms = ["commands", "plant", "push", "processors", "ingest", "infra", "schemas"];
/** Codes that the tier for clients answers with are told there. */
const clientPages = ["docs/protocol.md", "docs/rest.md"];
const goesOn = "Stands in the log; the plant goes on with the rest.";
const errorClass = /(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*)?(?:export )?class (\w+) extends PlantError \{(.*?)\n?\}\n/gs;
const superCall = /super\(\s*"(TP_[A-Z_]+)",(.*?)\n? *\);/s;
const thrown = /new (\w+)\(\s*"(TP_[A-Z_]+)",\s*(`[^`]*`|"[^"]*")/gs;
const logged = /code: "(TP_[A-Z_]+)"[^}]*\},\s*(`[^`]*`|"[^"]*")/gs;

/** The page, made anew. @throws Error naming a class without a docstring, or a code that nothing documents */
export function errorsDocument() {
  const told = clientPages.map((page) => readFileSync(join(root, page), "utf8")).join();
  const sources = rooms.flatMap((room) =>
    sourcesOf(join(root, room)).map((path) => ({ room, path, text: readFileSync(path, "utf8") })),
  );
  const isForClients = ({ room, path }) =>
    room === "push" || path.includes("/ingest/endpoint/") || path.includes("/infra/http-");
  const isTold = (source, code) => isForClients(source) && told.includes(code);
  const found = new Map();
  const meanings = new Map();
  const add = (source, code, meaning, message) => {
    if (!isTold(source, code)) found.set(code, [...(found.get(code) ?? []), { meaning, messages: literals(message) }]);
  };
  for (const source of sources) {
    for (const [, docstring, name, body] of source.text.matchAll(errorClass)) {
      if (docstring === undefined) throw new Error(`${relative(root, source.path)}: ${name} has no docstring`);
      meanings.set(name, prose(docstring));
      const [, code, message] = superCall.exec(body) ?? [];
      if (code !== undefined) add(source, code, prose(docstring), message);
    }
  }
  for (const source of sources) {
    for (const [, name, code, message] of source.text.matchAll(thrown)) add(source, code, meanings.get(name), message);
    for (const [, code, message] of source.text.matchAll(logged)) add(source, code, goesOn, message);
  }
  for (const source of sources) {
    for (const [code] of source.text.matchAll(/\bTP_[A-Z]+(?:_[A-Z]+)*/g)) {
      if (found.has(code) || isTold(source, code)) continue;
      throw new Error(`${relative(root, source.path)}: ${code} is documented nowhere`);
    }
  }
  return page([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function page(codes) {
  const lines = [
    "# Errors",
    "",
    "This page is made from the sources by `node scripts/errors-doc.mjs`.",
    "",
    "Every error has a stable code, and its message says what happened to what and what to do. Here are the codes of the",
    "command line and of the log lines. Those that clients get stand in [protocol.md](protocol.md) (WebSocket) and",
    "[rest.md](rest.md) (REST); the reasons of dead letters in [operations.md](operations.md).",
  ];
  for (const [code, entries] of codes) {
    lines.push("", `## ${code}`);
    for (const meaning of new Set(entries.map((entry) => entry.meaning))) lines.push("", meaning);
    const messages = [...new Set(entries.flatMap((entry) => entry.messages))];
    if (messages.length > 0) lines.push("", "```", ...messages, "```");
  }
  return `${lines.join("\n")}\n`;
}

function prose(docstring = "") {
  const [text] = docstring.replaceAll(/^\s*\* ?/gm, "").split(/^@/m);
  return text.replaceAll(/\s+/g, " ").trim();
}

/** The texts of a call, with … where a value stands. */
function literals(code) {
  return [...code.matchAll(/`((?:[^`\\]|\\.)*)`|"([^"]*)"/gs)]
    .map(([, template, text]) =>
      (template ?? text)
        .replaceAll("\\`", "`")
        .replaceAll("\\n", "\n")
        .replaceAll(/\$\{[^}]*\}+/g, "…"),
    )
    .filter((text) => /[a-z]{2,} [a-z]/.test(text));
}

function sourcesOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, "docs/errors.md"), errorsDocument());
