// What a store is: a few dictionaries, and a copy of them for each open transaction.
// Method: written from the seam's documentation alone, without any of the engine's types but its records.
import LustreWire

@testable import Storage

struct StoreModel {
  struct Object: Equatable {
    var bytes: [UInt8] = []
    var attributes = StoredAttributes()
    var version: UInt64 = 0
  }

  struct State: Equatable {
    var objects: [StoredObjectID: Object] = [:]
    var clients: [UInt32: ClientRecord] = [:]
    var lastIDs: [UInt64: UInt64] = [:]
    var blobs: [BlobName: [UInt8]] = [:]
    var lastTransno: UInt64 = 0
  }

  private struct Open {
    var state: State
    var transno: UInt64
    var failure: Int32 = 0
    var cut: Set<StoredObjectID> = []
    var destroyed: Set<StoredObjectID> = []
    var writes: [(id: StoredObjectID, offset: Int, bytes: [UInt8])] = []
  }

  struct Answer {
    var errno: Int32 = 0
    var bytes: [UInt8]?
    var record: StoredObject?
  }

  /// What is kept.
  private(set) var state = State()
  private var open: Open?
  /// Whether the last command ended a transaction that was kept.
  private(set) var hasKept = false
  /// All bytes that were ever written, in transactions that were kept and others.
  private(set) var writes: [(id: StoredObjectID, offset: Int, bytes: [UInt8])] = []

  init(_ state: State = State()) { self.state = state }

  mutating func run(_ command: StorageCommand, data: [UInt8]) -> Answer {
    hasKept = false
    guard command.operation.modifies || command.continues || open != nil else {
      var reader = Open(state: state, transno: 0)
      return act(command.operation, data, &reader)
    }
    var now = open ?? start(command.transno)
    if now.transno != command.transno, now.failure == 0 { now.failure = 22 }
    var answer = Answer(errno: 125)
    if now.failure == 0 {
      answer = act(command.operation, data, &now)
      now.failure = answer.errno
      if answer.errno == 0, case .write(let id, let offset, _) = command.operation {
        writes.append((id, Int(offset), data))
      }
      if answer.errno == 0, case .clear(let id, _, _) = command.operation,
        let clear = now.writes.last, clear.id == id
      {
        writes.append(clear)
      }
    }
    open = now
    if !command.continues {
      answer.errno = now.failure
      end(now)
    }
    return answer
  }

  private func start(_ transno: UInt64) -> Open {
    var new = Open(state: state, transno: transno)
    if transno != 0 && transno <= state.lastTransno { new.failure = 22 }
    return new
  }

  private mutating func end(_ now: Open) {
    open = nil
    if now.failure == 0 {
      state = now.state
      state.lastTransno = max(state.lastTransno, now.transno)
      hasKept = true
      return
    }
    for write in now.writes {
      guard let size = state.objects[write.id]?.bytes.count else { continue }
      for (index, byte) in write.bytes.enumerated() where write.offset + index < size {
        state.objects[write.id]?.bytes[write.offset + index] = byte
      }
    }
  }

  private func act(_ operation: StorageOperation, _ data: [UInt8], _ open: inout Open) -> Answer {
    switch operation {
    case .create(let id, let attributes):
      guard open.state.objects[id] == nil else { return Answer(errno: 17) }
      guard !open.destroyed.contains(id) else { return Answer(errno: 22) }
      var object = Object(version: open.transno)
      object.attributes.merge(attributes)
      open.state.objects[id] = object
    case .destroy(let id):
      guard open.state.objects.removeValue(forKey: id) != nil else { return Answer(errno: 2) }
      open.destroyed.insert(id)
    case .setAttributes(let id, let attributes):
      guard open.state.objects[id] != nil else { return Answer(errno: 2) }
      open.state.objects[id]?.attributes.merge(attributes)
      stamp(id, &open)
    case .write(let id, let offset, _): return write(id, Int(offset), data, &open)
    case .truncate(let id, let size): return truncate(id, Int(size), &open)
    case .clear(let id, let first, let last): return clear(id, first, last, &open)
    case .read(let id, let offset, let into):
      guard let object = open.state.objects[id] else { return Answer(errno: 2) }
      return Answer(bytes: slice(object.bytes, offset, into.length))
    case .getAttributes(let id):
      guard let object = open.state.objects[id] else { return Answer(errno: 2) }
      var record = StoredObject()
      record.size = UInt64(object.bytes.count)
      record.version = object.version
      record.attributes = object.attributes
      return Answer(record: record)
    case .setLastID(let sequence, let id): open.state.lastIDs[sequence] = id
    case .addClient(let slot, let uuid, let generation):
      open.state.clients[slot] = ClientRecord(slot: slot, uuid: uuid, generation: generation)
    case .freeClient, .setResult, .setReply, .freeReply: return actOnClient(operation, &open)
    case .writeBlob, .truncateBlob, .removeBlob, .readBlob:
      return actOnBlob(operation, data, &open)
    case .setIdentity, .listObjects, .none, .statistics: break
    }
    return Answer()
  }

  private func stamp(_ id: StoredObjectID, _ open: inout Open) {
    if open.transno != 0 { open.state.objects[id]?.version = open.transno }
  }

  private func slice(_ bytes: [UInt8], _ offset: UInt64, _ length: UInt32) -> [UInt8] {
    let start = min(Int(offset), bytes.count)
    return Array(bytes[start..<min(start + Int(length), bytes.count)])
  }

  private func write(_ id: StoredObjectID, _ offset: Int, _ data: [UInt8], _ open: inout Open)
    -> Answer
  {
    guard var bytes = open.state.objects[id]?.bytes else { return Answer(errno: 2) }
    guard !open.cut.contains(id) else { return Answer(errno: 22) }
    guard !data.isEmpty else { return Answer() }
    if bytes.count < offset + data.count {
      bytes.append(contentsOf: [UInt8](repeating: 0, count: offset + data.count - bytes.count))
    }
    bytes.replaceSubrange(offset..<offset + data.count, with: data)
    open.state.objects[id]?.bytes = bytes
    open.writes.append((id, offset, data))
    stamp(id, &open)
    return Answer()
  }

  private func truncate(_ id: StoredObjectID, _ size: Int, _ open: inout Open) -> Answer {
    guard var bytes = open.state.objects[id]?.bytes else { return Answer(errno: 2) }
    if size < bytes.count {
      open.cut.insert(id)
      bytes.removeLast(bytes.count - size)
    } else if open.cut.contains(id) {
      return Answer(errno: 22)
    } else {
      bytes.append(contentsOf: [UInt8](repeating: 0, count: size - bytes.count))
    }
    open.state.objects[id]?.bytes = bytes
    stamp(id, &open)
    return Answer()
  }

  private func clear(
    _ id: StoredObjectID, _ first: UInt64, _ last: UInt64, _ open: inout Open
  ) -> Answer {
    guard let size = open.state.objects[id]?.bytes.count else { return Answer(errno: 2) }
    guard first <= last, !open.cut.contains(id) else { return Answer(errno: 22) }
    for index in 0..<size where UInt64(index) >= first && UInt64(index) <= last {
      open.state.objects[id]?.bytes[index] = 0
    }
    if first < size {
      let count = Int(min(last, UInt64(size - 1)) - first) + 1
      open.writes.append((id, Int(first), [UInt8](repeating: 0, count: count)))
    }
    stamp(id, &open)
    return Answer()
  }

  private func actOnClient(_ operation: StorageOperation, _ open: inout Open) -> Answer {
    let slot: UInt32 =
      switch operation {
      case .freeClient(let slot), .setResult(let slot, _, _), .freeReply(let slot, _): slot
      case .setReply(let reply): reply.client
      default: 0
      }
    guard var client = open.state.clients[slot] else { return Answer(errno: 2) }
    switch operation {
    case .setResult(_, let result, true): client.lastClose = result
    case .setResult(_, let result, false): client.last = result
    case .setReply(let reply):
      client.replies.removeAll { $0.place == reply.place }
      client.replies.append(reply)
      client.replies.sort { $0.place < $1.place }
    case .freeReply(_, let place): client.replies.removeAll { $0.place == place }
    default: break
    }
    open.state.clients[slot] = client
    if case .freeClient = operation { open.state.clients[slot] = nil }
    return Answer()
  }

  private func actOnBlob(
    _ operation: StorageOperation, _ data: [UInt8], _ open: inout Open
  ) -> Answer {
    switch operation {
    case .writeBlob(let name, let offset, _):
      var blob = open.state.blobs[name] ?? []
      guard offset <= UInt64(blob.count) else { return Answer(errno: 22) }
      let start = Int(offset)
      blob.replaceSubrange(start..<min(start + data.count, blob.count), with: data)
      open.state.blobs[name] = blob
    case .truncateBlob(let name, let size):
      guard let blob = open.state.blobs[name] else { return Answer(errno: 2) }
      guard size <= UInt64(blob.count) else { return Answer(errno: 22) }
      open.state.blobs[name] = Array(blob[0..<Int(size)])
    case .removeBlob(let name):
      guard open.state.blobs.removeValue(forKey: name) != nil else { return Answer(errno: 2) }
    case .readBlob(let name, let offset, let into):
      guard let blob = open.state.blobs[name] else { return Answer(errno: 2) }
      return Answer(bytes: slice(blob, offset, into.length))
    default: break
    }
    return Answer()
  }
}

extension StoreModel.State {
  /// An image as the model's state, but for the bytes of objects, which an image does not have.
  init(_ image: TargetImage, bytes: (StoredObjectID, Int) -> [UInt8]) {
    lastTransno = image.lastTransno
    for client in image.clients { clients[client.slot] = client }
    for entry in image.sequences { lastIDs[entry.sequence] = entry.lastID }
    for name in image.blobNames { blobs[name] = image.blob(name) }
    for id in image.objectIDs {
      guard let record = image.object(id) else { continue }
      objects[id] = StoreModel.Object(
        bytes: bytes(id, Int(record.size)), attributes: record.attributes, version: record.version)
    }
  }

  /// All but the bytes, which a crash may have left in part.
  func equalsButForBytes(_ other: StoreModel.State) -> Bool {
    guard lastTransno == other.lastTransno, clients == other.clients, lastIDs == other.lastIDs,
      blobs == other.blobs, objects.count == other.objects.count
    else { return false }
    return objects.allSatisfy { id, object in
      guard let twin = other.objects[id] else { return false }
      return object.bytes.count == twin.bytes.count && object.version == twin.version
        && object.attributes == twin.attributes
    }
  }
}
