import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureJava, ensureProgram, runProgram } from "./programs.mjs";

/** Newer ones ask for the POMs of the registry's parents, which are of no use and not to be had everywhere. */
const plugin = "org.apache.maven.plugins:maven-dependency-plugin:2.8";

const coordinate = ({ group, artifact, version, classifier, type }) =>
  [
    `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`,
    classifier ? `<classifier>${classifier}</classifier>` : "",
    type ? `<type>${type}</type>` : "",
  ].join("");

/** Fetches libraries with all that they need at run time from Maven Central into `libs` of a folder. */
export async function fetchLibraries(folder, libraries) {
  writeFileSync(
    join(folder, "pom.xml"),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tickplant</groupId><artifactId>service</artifactId><version>1</version>
<dependencies>
${libraries.map((library) => `<dependency>${coordinate(library)}</dependency>`).join("\n")}
</dependencies></project>
`,
  );
  await maven(folder, `${plugin}:copy-dependencies`, "-DincludeScope=runtime", "-DoutputDirectory=libs");
}

/** Fetches an archive from Maven Central and unpacks it into a folder. */
export async function fetchArchive(folder, { group, artifact, version, type, classifier }) {
  const name = [group, artifact, version, type, classifier].join(":");
  await maven(folder, `${plugin}:unpack`, `-Dartifact=${name}`, `-DoutputDirectory=${folder}`);
}

/** A local repository of its own: Maven's common one does not bear two downloads at a time. */
async function maven(folder, ...args) {
  await ensureJava();
  const mvn = await ensureProgram("mvn", "maven", "The download of Kafka or the schema registry");
  const repository = join(folder, "repository");
  try {
    await runProgram(mvn, ["-B", "-q", `-Dmaven.repo.local=${repository}`, ...args], { cwd: folder });
  } finally {
    rmSync(repository, { recursive: true, force: true });
  }
}
