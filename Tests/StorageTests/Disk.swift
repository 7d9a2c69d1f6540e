// One command at a time on any store, for tests that say what they expect step by step.
// Method: each call submits, goes on in time until the completion has come, and hands it out.
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import Storage

/// A text that fits, as a name.
func uuid(_ text: String) -> ObdUUID { ObdUUID(text) ?? ObdUUID() }
func blobName(_ text: String) -> BlobName { BlobName(text) ?? BlobName() }

struct Disk<Store: TargetStore & ~Copyable>: ~Copyable {
  var store: Store
  var durableTransno: UInt64 = 0
  private let owner = TestMemory()
  private var memory: NodeMemory
  private var commands: FixedQueue<StorageCommand>
  private var completions: FixedQueue<StorageCompletion>
  private var now: UInt64 = 0

  init(_ store: consuming Store) {
    self.store = store
    memory = owner.make()
    commands = FixedQueue(capacity: 4, filler: StorageCommand(.none, ticket: 0))
    completions = FixedQueue(capacity: 4, filler: .durable(transno: 0))
  }

  mutating func run(
    _ operation: StorageOperation, transno: UInt64 = 0, continues: Bool = false,
    isSync: Bool = false
  ) -> StorageResult {
    commands.append(
      StorageCommand(
        operation, ticket: 1, transno: transno, continues: continues, isSync: isSync))
    var found: StorageResult?
    while found == nil {
      store.submit(&commands, memory: &memory, at: now)
      store.poll(&completions, memory: &memory, at: now)
      while let completion = completions.popFirst() {
        switch completion {
        case .ended(let result): found = result
        case .durable(let transno): durableTransno = transno
        }
      }
      if found == nil, let deadline = store.nextDeadline() { now = max(now, deadline) }
    }
    return found ?? StorageResult(ticket: 0, errno: -1)
  }

  mutating func write(
    _ id: StoredObjectID, _ bytes: [UInt8], at offset: UInt64 = 0, transno: UInt64 = 0,
    continues: Bool = false, isSync: Bool = false
  ) -> StorageResult {
    withBuffer(bytes) { disk, buffer in
      disk.run(
        .write(id, offset: offset, data: buffer), transno: transno, continues: continues,
        isSync: isSync)
    }
  }

  mutating func writeBlob(
    _ name: BlobName, _ bytes: [UInt8], at offset: UInt64 = 0, transno: UInt64 = 0
  ) -> StorageResult {
    withBuffer(bytes) { disk, buffer in
      disk.run(.writeBlob(name, offset: offset, data: buffer), transno: transno)
    }
  }

  private mutating func withBuffer(
    _ bytes: [UInt8], _ body: (inout Disk, BufferRef) -> StorageResult
  ) -> StorageResult {
    guard let run = memory.bulk.allocateRun(byteCount: max(1, bytes.count)) else {
      return StorageResult(ticket: 0, errno: -1)
    }
    var span = memory.mutableBytes(run)
    span.copy(from: bytes.rawBytes)
    let result = body(&self, run.part(offset: 0, length: bytes.count))
    memory.release(run)
    return result
  }

  mutating func read(_ id: StoredObjectID, at offset: UInt64 = 0, count: Int) -> [UInt8]? {
    guard let run = memory.bulk.allocateRun(byteCount: count) else { return nil }
    defer { memory.release(run) }
    let result = self.run(.read(id, offset: offset, into: run))
    guard result.errno == 0 else { return nil }
    return Array([UInt8](copying: memory.bytes(run)).prefix(Int(result.count)))
  }

  /// All objects, a few at a time.
  mutating func list(atOnce: Int) -> [StoredObjectID] {
    guard let run = memory.bulk.allocateRun(byteCount: 32 * atOnce) else { return [] }
    defer { memory.release(run) }
    var ids: [StoredObjectID] = []
    var cursor: UInt64 = 0
    repeat {
      let result = self.run(.listObjects(cursor: cursor, into: run))
      let bytes = memory.bytes(run)
      for index in 0..<Int(result.count) {
        ids.append(
          StoredObjectID(
            sequence: bytes.little(UInt64.self, at: 32 * index),
            object: bytes.little(UInt64.self, at: 32 * index + 8)))
      }
      cursor = result.version
    } while cursor != 0
    return ids
  }

  mutating func record(_ id: StoredObjectID) -> StoredObject? {
    guard case .object(let record) = run(.getAttributes(id)).value else { return nil }
    return record
  }
}
