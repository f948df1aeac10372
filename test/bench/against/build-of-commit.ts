import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** A folder with the compiled product of a commit in `dist`. */
export interface Build {
  readonly folder: string;
  /** The commit's abbreviated id and subject. */
  readonly name: string;
}

/**
 * Builds a commit in a folder of its own. Where its dependencies are the checkout's, they are shared; else they are
 * installed from its own lock file.
 *
 * @param root the checkout that has the commit
 * @param into a folder that does not exist yet
 * @throws Error when the commit is unknown or does not build
 */
export function buildOfCommit(root: string, commit: string, into: string): Build {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, maxBuffer: 2 ** 30 });
  const found = spawnSync("git", ["log", "-1", "--format=%h %s", `${commit}^{commit}`], {
    cwd: root,
    encoding: "utf8",
  });
  if (found.status !== 0) throw new Error(`there is no commit ${commit} in ${root}: ${found.stderr}`);
  const name = found.stdout.trim();
  mkdirSync(into);
  execFileSync("tar", ["-x", "-C", into], { input: git("archive", `${commit}^{commit}`) });
  const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
  const run = (...command: [string, ...string[]]) =>
    execFileSync(command[0], command.slice(1), { cwd: into, stdio: ["ignore", "ignore", "inherit"] });
  if (lock(into) === lock(root) && existsSync(join(root, "node_modules"))) {
    symlinkSync(join(root, "node_modules"), join(into, "node_modules"));
    run(process.execPath, "scripts/build.mjs");
  } else {
    run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts");
    run(process.execPath, "scripts/build.mjs");
  }
  return { folder: into, name };
}

/** The same build in another folder, so that a build can be held against itself. */
export function copyOf(build: Build, into: string): Build {
  const modules = join(build.folder, "node_modules");
  cpSync(build.folder, into, { recursive: true, filter: (path) => path !== modules });
  symlinkSync(modules, join(into, "node_modules"));
  return { folder: into, name: build.name };
}
