internal import LustreWire

/// All that a store remembers of its target, but the bytes of objects.
///
/// A value: whoever opens a store is handed one, to build his tables from.
package struct TargetImage: Sendable {
  package private(set) var identity: TargetIdentity
  /// The highest transno of any change.
  package private(set) var lastTransno: UInt64 = 0
  private(set) var objects = IndexedTable<StoredObjectID, StoredObject>()
  private var lastIDs = IndexedTable<UInt64, UInt64>()
  private var clientTable = IndexedTable<UInt32, ClientRecord>()
  private var blobs = IndexedTable<BlobName, [UInt8]>()
  package private(set) var blobByteCount: UInt64 = 0

  package init(_ identity: TargetIdentity) { self.identity = identity }

  // MARK: - Reading

  package var objectCount: Int { objects.count }
  package var clientCount: Int { clientTable.count }
  package var blobCount: Int { blobs.count }
  package var sequenceCount: Int { lastIDs.count }

  package func object(_ id: StoredObjectID) -> StoredObject? { objects[id] }
  package func lastID(sequence: UInt64) -> UInt64? { lastIDs[sequence] }
  package func client(slot: UInt32) -> ClientRecord? { clientTable[slot] }
  package func hasClient(slot: UInt32) -> Bool { clientTable.contains(slot) }
  package func blob(_ name: BlobName) -> [UInt8]? { blobs[name] }

  /// By slot.
  package var clients: [ClientRecord] {
    clientTable.elements.map(\.value).sorted { $0.slot < $1.slot }
  }

  /// By sequence.
  package var sequences: [(sequence: UInt64, lastID: UInt64)] {
    lastIDs.elements.map { ($0.key, $0.value) }.sorted { $0.sequence < $1.sequence }
  }

  /// By name.
  package var blobNames: [BlobName] {
    blobs.elements.map(\.key).sorted { $0.description < $1.description }
  }

  /// By sequence and id.
  package var objectIDs: [StoredObjectID] { objects.elements.map(\.key).sorted() }

  // MARK: - Changing

  /// Takes changes over, all of one transaction; false when they cannot have been made to this state.
  @discardableResult
  package mutating func apply(_ list: ChangeList, transno: UInt64) -> Bool {
    lastTransno = max(lastTransno, transno)
    var isSound = true
    for index in 0..<list.changes.count
    where !apply(list.changes[index], list.blobBytes) { isSound = false }
    return isSound
  }

  private mutating func apply(_ change: StateChange, _ bytes: [UInt8]) -> Bool {
    switch change {
    case .identity(let new): identity = new
    case .transno(let transno): lastTransno = max(lastTransno, transno)
    case .object(let id, let record): objects.set(id, record)
    case .objectSize(let id, let size, let version):
      return objects.update(id) {
        $0.size = size
        $0.version = version
      }
    case .destroy(let id): objects.remove(id)
    case .lastID(let sequence, let id): lastIDs.set(sequence, id)
    case .client(let slot, let uuid, let generation):
      clientTable.set(slot, ClientRecord(slot: slot, uuid: uuid, generation: generation))
    case .clientFree(let slot): clientTable.remove(slot)
    case .result(let slot, let result, let isClose):
      return clientTable.update(slot) {
        if isClose { $0.lastClose = result } else { $0.last = result }
      }
    case .reply(let reply): return clientTable.update(reply.client) { $0.set(reply) }
    case .replyFree(let slot, let place): return clientTable.update(slot) { $0.free(place) }
    case .blob(let name, let offset, let start, let count):
      return write(name, offset, bytes[start..<start + count])
    case .blobSize(let name, let size):
      guard let old = blobs[name], size <= UInt64(old.count) else { return false }
      blobByteCount -= UInt64(old.count) - size
      blobs.update(name) { $0.removeLast($0.count - Int(size)) }
    case .blobFree(let name):
      blobByteCount -= UInt64(blobs[name]?.count ?? 0)
      blobs.remove(name)
    }
    return true
  }

  private mutating func write(_ name: BlobName, _ offset: UInt64, _ bytes: ArraySlice<UInt8>)
    -> Bool
  {
    if !blobs.contains(name) { blobs.set(name, []) }
    var grown = 0
    var isSound = true
    blobs.update(name) { blob in
      guard offset <= UInt64(blob.count) else {
        isSound = false
        return
      }
      let start = Int(offset)
      let kept = min(blob.count - start, bytes.count)
      blob.replaceSubrange(start..<start + kept, with: bytes)
      grown = bytes.count - kept
    }
    blobByteCount += UInt64(grown)
    return isSound
  }

  // MARK: - The whole as changes

  /// Hands everything out as lists of changes that make it anew, none much longer than `byteCount`.
  package func snapshot(pieceByteCount: Int, _ body: (borrowing ChangeList) -> Void) {
    var list = ChangeList()
    func add(_ change: StateChange) {
      list.changes.append(change)
      guard list.byteCountMax >= pieceByteCount else { return }
      body(list)
      list.removeAll()
    }
    add(.identity(identity))
    add(.transno(lastTransno))
    for cell in objects.elements { add(.object(cell.key, cell.value)) }
    for cell in lastIDs.elements { add(.lastID(sequence: cell.key, id: cell.value)) }
    for cell in clientTable.elements {
      let client = cell.value
      add(.client(slot: client.slot, client.uuid, generation: client.generation))
      add(.result(slot: client.slot, client.last, isClose: false))
      add(.result(slot: client.slot, client.lastClose, isClose: true))
      for reply in client.replies { add(.reply(reply)) }
    }
    for cell in blobs.elements {
      var offset = 0
      repeat {
        let count = min(cell.value.count - offset, pieceByteCount)
        let start = list.blobBytes.count
        list.blobBytes.append(contentsOf: cell.value[offset..<offset + count])
        add(.blob(cell.key, offset: UInt64(offset), start: start, count: count))
        offset += count
      } while offset < cell.value.count
    }
    if !list.isEmpty { body(list) }
  }
}

extension ClientRecord {
  /// Keeps a reply in its place.
  mutating func set(_ reply: ReplyRecord) {
    let at = position(of: reply.place)
    if at < replies.count, replies[at].place == reply.place {
      replies[at] = reply
    } else {
      replies.insert(reply, at: at)
    }
  }

  mutating func free(_ place: UInt16) {
    let at = position(of: place)
    if at < replies.count, replies[at].place == place { replies.remove(at: at) }
  }

  func hasReply(at place: UInt16) -> Bool {
    let at = position(of: place)
    return at < replies.count && replies[at].place == place
  }

  /// Where a place is, or would be.
  private func position(of place: UInt16) -> Int {
    var low = 0
    var high = replies.count
    while low < high {
      let middle = (low + high) / 2
      if replies[middle].place < place { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
