// kafkajs as an adapter; ADAPTERS.md says what the operations are. KAFKAJS names the folder that it was installed in.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import path from 'node:path'

const require = createRequire(path.join(process.env.KAFKAJS, 'index.js'))
const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')

const HEARTBEAT_MS = 500
const DEFAULT_SOURCE = 5 // of a setting that nobody has set
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
const STRATEGIES = { RoundRobinAssigner: 'roundrobin' }
const ACKS = { 0: 0, 1: 1, all: -1 }

const kafka = new Kafka({
  brokers: [process.env.BOOTSTRAP],
  logLevel: logLevel.WARN,
  logCreator: () => ({ namespace, label, log }) => console.error(label, namespace, log.message, log.error ?? ''),
})
const admin = kafka.admin({ retry: { initialRetryTime: 50 } }) // it asks again even when what it asks for is refused
const members = new Map()

class Unsupported extends Error {}

// A consumer, what it has read, and what has happened to its partitions.
class Member {
  constructor(consumer, partition) {
    Object.assign(this, { consumer, partition, records: [], partitions: [], lost: [], failure: null, wake: () => {} })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.partitions = Object.values(payload.memberAssignment).flat().sort()
    })
    consumer.on(consumer.events.REBALANCING, () => {
      this.lost.push(...this.partitions)
      this.partitions = []
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.failure = payload.error
      this.wake()
    })
  }

  take({ partition, message }) {
    if (this.partition !== undefined && partition !== this.partition) return
    this.records.push(shown(partition, message))
    this.wake()
  }

  // Until there are so many records, or the time is over.
  async wait(count, ms) {
    const end = Date.now() + ms
    while (this.records.length < count && Date.now() < end && !this.failure) {
      await new Promise(resolve => {
        const timer = setTimeout(resolve, end - Date.now())
        this.wake = () => (clearTimeout(timer), resolve())
      })
    }
    if (this.failure) throw this.failure
  }
}

const operations = {
  hello: () => ({
    version: require('kafkajs/package.json').version,
    lacks: { 'header order': 'the client groups headers by name' },
  }),

  // ---- topics

  async metadata() {
    const { clusterId, brokers } = await admin.describeCluster()
    return { cluster_id: clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`) }
  },
  topics: () => admin.listTopics(),
  async partitions({ topic }) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions.length
  },
  async create_topic({ topic, partitions, configs }) {
    const wanted = { topic, numPartitions: partitions, configEntries: entries(configs) }
    const created = await admin.createTopics({ topics: [wanted], waitForLeaders: false })
    // The client does not throw this one.
    if (!created) throw Object.assign(new Error('createTopics gave false'), { type: 'TOPIC_ALREADY_EXISTS' })
  },
  delete_topic: ({ topic }) => admin.deleteTopics({ topics: [topic] }),
  create_partitions: ({ topic, count }) => admin.createPartitions({ topicPartitions: [{ topic, count }] }),
  async describe_configs({ topic }) {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource(topic)] })
    const found = resources[0].configEntries.map(one => [
      one.configName, { value: one.configValue, default: one.isDefault || one.configSource === DEFAULT_SOURCE },
    ])
    return Object.fromEntries(found)
  },
  async replace_configs({ topic, configs }) {
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource(topic), configEntries: entries(configs) }] })
  },
  async delete_records({ topic, partition, before }) {
    await admin.fetchTopicOffsets(topic) // otherwise it may not know the leader
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    return operations.offset_at({ topic, partition, at: 'earliest' }) // the client does not give the answer's
  },

  // ---- records

  async produce({ topic, records, settings, partition = 0 }) {
    const { codec = 'none', acks = 'all', idempotence = false } = settings
    if (!(codec in CODECS)) throw new Unsupported('the client leaves this codec to packages, which need native code')
    const producer = kafka.producer({ idempotent: idempotence, createPartitioner: Partitioners.DefaultPartitioner })
    return closing(producer, () => send(producer, { topic, partition, records, acks: ACKS[acks], compression: CODECS[codec] }))
  },
  async transaction({ id, topic, records, commit }) {
    const producer = kafka.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1, retry: { retries: 3 } })
    await closing(producer, async () => {
      const transaction = await producer.transaction()
      await send(transaction, { topic, partition: 0, records, acks: ACKS.all })
      await (commit ? transaction.commit() : transaction.abort())
    })
  },
  async offset_at({ topic, partition, at }) {
    const { low, high } = of(partition, await admin.fetchTopicOffsets(topic))
    if (at === 'earliest') return Number(low)
    if (at === 'latest') return Number(high)
    const { offset } = of(partition, await admin.fetchTopicOffsetsByTimestamp(topic, at))
    return offset === high ? null : Number(offset) // for a time after the last record the client gives the end
  },

  // ---- consumers

  async open({ consumer: name, topic, start, partition, group, strategy = 'roundrobin', instance, ...how }) {
    if (instance) throw new Unsupported('the client has no static members')
    if (group && strategy !== 'roundrobin') throw new Unsupported('the client has round robin only')
    const consumer = kafka.consumer({
      groupId: group ?? `${name}-alone`, sessionTimeout: how.session_ms ?? 45_000, heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: how.fetch_wait_ms ?? 500, readUncommitted: how.isolation !== 'read_committed',
    })
    const member = new Member(consumer, group ? undefined : partition)
    members.set(name, member)
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: start === 'earliest' })
    await consumer.run({ autoCommit: false, eachMessage: async message => member.take(message) })
    if (typeof start === 'number') consumer.seek({ topic, partition, offset: String(start) })
  },
  async poll({ consumer, count, wait_ms }) {
    const member = members.get(consumer)
    await member.wait(count, wait_ms)
    return member.records.splice(0, count)
  },
  async assignment({ consumer, wait_ms }) {
    const member = members.get(consumer)
    await member.wait(Infinity, wait_ms)
    return { partitions: member.partitions, lost: member.lost }
  },
  commit: ({ consumer, topic, partition, offset }) =>
    members.get(consumer).consumer.commitOffsets([{ topic, partition, offset: String(offset) }]),
  async close({ consumer }) {
    const member = members.get(consumer)
    members.delete(consumer)
    await member.consumer.disconnect()
  },
  close_all: () => Promise.all([...members.keys()].map(consumer => operations.close({ consumer }))),

  // ---- groups

  async groups() {
    return (await admin.listGroups()).groups.map(({ groupId }) => groupId)
  },
  async describe_group({ group }) {
    const { groups: [found] } = await admin.describeGroups([group])
    const members = found.members.map(({ memberAssignment }) => {
      const { assignment } = AssignerProtocol.MemberAssignment.decode(memberAssignment)
      return Object.values(assignment).flat().sort()
    })
    return { state: found.state, strategy: STRATEGIES[found.protocol], members }
  },
  delete_group: ({ group }) => admin.deleteGroups([group]),
  async committed({ group, topic }) {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const known = found.partitions.filter(({ offset }) => Number(offset) >= 0)
    return Object.fromEntries(known.map(({ partition, offset }) => [partition, Number(offset)]))
  },
  set_offset: ({ group, topic, partition, offset }) =>
    admin.setOffsets({ groupId: group, topic, partitions: [{ partition, offset: String(offset) }] }),
}

const entries = configs => Object.entries(configs).map(([name, value]) => ({ name, value }))
const resource = topic => ({ type: ConfigResourceTypes.TOPIC, name: topic })
const of = (partition, offsets) => offsets.find(one => one.partition === partition)

async function closing(producer, work) {
  await producer.connect()
  try {
    return await work()
  } finally {
    await producer.disconnect()
  }
}

async function send(producer, { topic, partition, records, ...how }) {
  const messages = records.map(({ key = null, value, headers = [], timestamp }) => ({
    partition, key, value, headers: grouped(headers), timestamp: timestamp && String(timestamp),
  }))
  const [answer] = await producer.send({ topic, messages, ...how })
  return records.map((_, index) => Number(answer?.baseOffset ?? -1) + index)
}

function grouped(headers) {
  const found = {}
  for (const [name, value] of headers) (found[name] ??= []).push(value)
  return found
}

function shown(partition, { offset, timestamp, key, value, headers }) {
  const listed = Object.entries(headers).flatMap(([name, all]) => [all].flat().map(one => [name, text(one)]))
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key: text(key), value: text(value), headers: listed }
}

const text = bytes => (bytes === null ? null : bytes.toString())

// Kafka's name is that of the innermost error that has one.
function nameOf(error) {
  const each = [...(error.groups ?? []), ...(error.partitions ?? [])].map(one => one.error)
  for (const one of [error.cause, ...(error.errors ?? []), ...each].filter(Boolean)) {
    const name = nameOf(one)
    if (/^[A-Z_]+$/.test(name)) return name
  }
  return error.type ?? error.name
}

async function answer({ op, ...request }) {
  if (!(op in operations)) return { unsupported: 'the client has no call for it' }
  try {
    return { ok: (await operations[op](request)) ?? null }
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message }
    return { error: nameOf(error), text: String(error) }
  }
}

await admin.connect()
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
}
process.exit(0) // consumers that are still open have timers
