import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { execute, succeed } from "./command.mjs";
import { root } from "./stack.mjs";

/** Builds the grpcurl that the repository pins, before the tests of a file. */
export function useGrpcurl() {
  const grpcurl = new Grpcurl();
  before(() => grpcurl.build());
  after(() => grpcurl.remove());
  return grpcurl;
}

class Grpcurl {
  /** The folder that holds nothing else. */
  folder = "";

  async build() {
    this.folder = await mkdtemp(join(tmpdir(), "todo-grpcurl-"));
    await succeed("go", ["build", "-modfile=tools/go.mod", "-o", this.folder, "github.com/fullstorydev/grpcurl/cmd/grpcurl"], {
      cwd: root,
    });
  }

  async remove() {
    if (this.folder) await rm(this.folder, { recursive: true });
  }

  /** @param {string[]} args */
  run(args) {
    return execute(join(this.folder, "grpcurl"), args);
  }
}
