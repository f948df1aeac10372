import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An authority that lives as long as its folder; made by openssl. */
export class Authority {
  private constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {}

  static async create(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", authority.#path("key")];
    await run("openssl", ["req", "-x509", ...key, "-out", authority.caFile, "-days", "2", "-subj", `/CN=${name}`]);
    return authority;
  }

  get caFile(): string {
    return this.#path("pem");
  }

  /** @param names as openssl's subjectAltName has them, e.g. `IP:127.0.0.1` */
  async issue(name: string, names: string): Promise<{ certFile: string; keyFile: string; bothFile: string }> {
    const at = (ending: string) => join(this.folder, `${this.name}-${name}.${ending}`);
    await writeFile(at("ext"), `subjectAltName=${names}\n`);
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", at("key")];
    await run("openssl", ["req", ...key, "-out", at("csr"), "-subj", `/CN=${name}`]);
    const signed = ["-CA", this.caFile, "-CAkey", this.#path("key"), "-CAcreateserial", "-days", "2"];
    await run("openssl", ["x509", "-req", "-in", at("csr"), ...signed, "-extfile", at("ext"), "-out", at("pem")]);
    await writeFile(at("both"), (await readFile(at("key"), "utf8")) + (await readFile(at("pem"), "utf8")));
    return { certFile: at("pem"), keyFile: at("key"), bothFile: at("both") };
  }

  #path(ending: string): string {
    return join(this.folder, `${this.name}.${ending}`);
  }
}
