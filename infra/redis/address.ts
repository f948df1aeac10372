export interface Address {
  readonly host: string;
  readonly port: number;
}

/** @param node `host:port`, an IPv6 host in brackets */
export function addressOf(node: string): Address {
  const at = node.lastIndexOf(":");
  return { host: node.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(node.slice(at + 1)) };
}
