import kafkajs, { type GroupMember } from "kafkajs";
import type { KafkaCluster } from "./kafkajs-internals.js";

const { AssignerProtocol } = kafkajs;
/** As members name it to the group. */
export const GROUP_PROTOCOL = "tickplant-sticky";
const VERSION = 0;

interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What a member says when it joins. @param held what it holds now, as `topic/partition` */
export const subscription = (topics: readonly string[], held: readonly string[]): Buffer =>
  AssignerProtocol.MemberMetadata.encode({
    version: VERSION,
    topics: [...topics],
    userData: Buffer.from(JSON.stringify(held)),
  });

/**
 * What the member that leads a group tells the others. It spreads each topic's partitions evenly and leaves them where they
 * are as far as that goes: a moved partition costs its task a restore.
 *
 * @param cluster knows how many partitions the topics have
 */
export function shareOut(
  members: readonly GroupMember[],
  topics: readonly string[],
  cluster: Pick<KafkaCluster, "findTopicPartitionMetadata">,
): { memberId: string; memberAssignment: Buffer }[] {
  const all = topics.flatMap((topic) =>
    cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
  );
  const owned = new Map(members.map(({ memberId, memberMetadata }) => [memberId, heldOf(memberMetadata)]));
  return [...assignPartitions(owned, all)].map(([memberId, partitions]) => ({
    memberId,
    memberAssignment: AssignerProtocol.MemberAssignment.encode({
      version: VERSION,
      assignment: byTopic(partitions),
      userData: Buffer.alloc(0),
    }),
  }));
}

/** By topic, which partitions a member has; none where the leader said nothing. */
export const decodeAssignment = (memberAssignment: Buffer): Record<string, number[]> =>
  AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {};

function heldOf(memberMetadata: Buffer): string[] {
  try {
    const { userData } = AssignerProtocol.MemberMetadata.decode(memberMetadata) ?? {};
    const held = JSON.parse((userData as Buffer).toString()) as unknown;
    return Array.isArray(held) ? held.map(String) : [];
  } catch {
    return [];
  }
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const assignment: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) {
    assignment[topic] ??= [];
    assignment[topic].push(partition);
  }
  return assignment;
}

/**
 * Who gets what. Every member has of each topic at most one partition more than another, and as many as possible of
 * those that it held.
 *
 * @param owned by member, what it holds as `topic/partition`; where two say so, the first in order keeps it
 */
export function assignPartitions(
  owned: ReadonlyMap<string, readonly string[]>,
  all: readonly TopicPartition[],
): Map<string, TopicPartition[]> {
  const members = [...owned.keys()].sort();
  const assigned = new Map<string, TopicPartition[]>(members.map((member) => [member, []]));
  const topics = [...new Set(all.map(({ topic }) => topic))].sort();
  for (const topic of topics) {
    const partitions = all.filter((one) => one.topic === topic).map(({ partition }) => partition);
    partitions.sort((a, b) => a - b);
    // who has more so far gets the smaller share, and keeps the order of names among equals
    const order = [...members].sort((a, b) => assigned.get(a)!.length - assigned.get(b)!.length);
    const share = Math.floor(partitions.length / members.length);
    const extra = partitions.length % members.length;
    const room = new Map(order.map((member, at) => [member, share + (at < extra ? 1 : 0)]));
    const free = new Set(partitions);
    const give = (member: string, partition: number) => {
      assigned.get(member)!.push({ topic, partition });
      room.set(member, room.get(member)! - 1);
      free.delete(partition);
    };
    for (const member of members) {
      for (const name of owned.get(member)!) {
        const slash = name.lastIndexOf("/");
        const partition = Number(name.slice(slash + 1));
        if (name.slice(0, slash) === topic && free.has(partition) && room.get(member)! > 0) give(member, partition);
      }
    }
    for (const partition of free) give(order.find((member) => room.get(member)! > 0)!, partition);
  }
  return assigned;
}
