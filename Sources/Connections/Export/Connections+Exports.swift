internal import BasicContainers
internal import LNet
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Targets of this node, and the exports of their clients (spec 11 §8).
extension Connections {
  /// Seconds that a lock which nobody uses may be kept where there is room.
  private static let lockAgeMax: UInt64 = 36_000

  /// Makes a target known; nil when there is no place, or its name or UUID is taken.
  package mutating func addTarget(_ description: TargetDescription) -> UInt32? {
    guard findTarget(description.name) == nil, findTarget(description.uuid) == nil,
      let slot = targets.take()
    else { return nil }
    targets.cells[slot] = Target(description: description)
    targetIndex.insert(2 * slot, key: Self.key(description.name))
    if description.uuid != description.name {
      targetIndex.insert(2 * slot + 1, key: Self.key(description.uuid))
    }
    return UInt32(slot)
  }

  /// Ends a target that has no exports any more: its clients find it no more.
  package mutating func removeTarget(_ slot: UInt32) {
    let slot = Int(slot)
    precondition(targets.cells[slot].exportCount == 0, "a target with clients")
    let description = targets.cells[slot].description
    targetIndex.remove(2 * slot, key: Self.key(description.name))
    if description.uuid != description.name {
      targetIndex.remove(2 * slot + 1, key: Self.key(description.uuid))
    }
    targets.give(slot)
  }

  /// Says how a target answers CONNECTs from now on.
  package mutating func set(_ condition: TargetCondition, ofTarget slot: UInt32) {
    precondition(condition != .unknown, "a target that is here is known")
    targets.cells[Int(slot)].condition = condition
  }

  /// Says how much of a target's disk is free and promised to nobody.
  package mutating func setUnpromised(_ byteCount: UInt64, ofTarget slot: UInt32) {
    targets.cells[Int(slot)].description.traits.unpromisedByteCount = byteCount
  }

  /// Says which transactions of a target are durable.
  package mutating func setCommitted(_ transno: UInt64, ofTarget slot: UInt32) {
    targets.cells[Int(slot)].committed = max(targets.cells[Int(slot)].committed, transno)
  }

  /// Says which transactions of a client are durable: what its replies tell it (spec 12 §6.1).
  package mutating func setCommitted(_ transno: UInt64, of handle: ExportHandle) {
    guard let slot = exports.slot(handle.raw) else { return }
    exports.cells[slot].committed = max(exports.cells[slot].committed, transno)
  }

  package func exportCount(ofTarget slot: UInt32) -> UInt32 {
    targets.cells[Int(slot)].exportCount
  }

  /// Exports of all targets; those that have ended and whose last requests are not done are not counted.
  package var exportCount: Int { exports.count - goneCount }

  package func view(_ handle: ExportHandle) -> ExportView? {
    guard let slot = exports.slot(handle.raw), !exports.cells[slot].isGone else { return nil }
    let record = exports.cells[slot]
    return ExportView(
      target: targets.cells[Int(record.target)].description, client: record.client,
      nid: record.peer.nid, handle: record.handle, clientHandle: record.clientHandle,
      connectionCount: record.connectionCount, granted: record.granted,
      lastRequest: record.lastRequest, committed: record.committed, isTimed: record.isTimed,
      takesSlot: record.takesSlot)
  }

  /// Whether a client is still here.
  package func isLive(_ handle: ExportHandle) -> Bool {
    guard let slot = exports.slot(handle.raw) else { return false }
    return !exports.cells[slot].isGone
  }

  /// For lists: the export at a place, nil for an empty one.
  package func exportHandle(at place: Int) -> ExportHandle? {
    exports.isTaken(place) && !exports.cells[place].isGone
      ? ExportHandle(raw: exports.handle(place)) : nil
  }

  /// Places for exports, taken or not.
  package var exportPlaceCount: Int { exports.capacity }

  /// For lists: the target at a place with its condition and its exports, nil for an empty one.
  package func targetView(
    at place: Int
  ) -> (description: TargetDescription, condition: TargetCondition, exports: UInt32)? {
    guard targets.isTaken(place) else { return nil }
    let record = targets.cells[place]
    return (record.description, record.condition, record.exportCount)
  }

  package var targetPlaceCount: Int { targets.capacity }

  /// The export of a client at a target.
  package mutating func export(ofClient client: ObdUUID, atTarget target: UInt32) -> ExportHandle? {
    guard let slot = findExport(client, target: Int(target)) else { return nil }
    return ExportHandle(raw: exports.handle(slot))
  }

  /// What every reply to a client says of its transactions, with a status.
  package mutating func replyFields(_ handle: ExportHandle, status: Int32 = 0) -> ReplyFields {
    var fields = ReplyFields(status: status)
    if let slot = exports.slot(handle.raw) { tellState(of: slot, in: &fields) }
    return fields
  }

  /// What every reply says: what is safe on disk, and how many locks the client may keep (spec 10 §8.1).
  ///
  /// A client gives locks up that it does not use when their number times their age in seconds is more than the volume,
  /// and none at all when that is 0. Places for locks that are left may be kept for ten hours, as real servers begin.
  func tellState(of slot: Int, in fields: inout ReplyFields) {
    fields.lastCommitted = exports.cells[slot].committed
    guard exports.cells[slot].granted.flags.contains(.lruResize) else { return }
    let limit = min(capacity.locksPerExport, locks.capacity)
    let free = min(limit - Int(exports.cells[slot].lockCount), locks.capacity - locks.count)
    fields.lockLimit = UInt32(limit)
    fields.lockVolume = max(1, UInt64(max(0, free)) * Self.lockAgeMax)
  }

  /// Evicts a client: its cookie is void, its locks and callbacks are gone (spec 12 §3).
  package mutating func evict(
    _ handle: ExportHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard let slot = exports.slot(handle.raw), !exports.cells[slot].isGone else { return }
    counters.exportsEvicted += 1
    endExport(slot, status: WireErrno.enotconn.status, rpc: &rpc, turn: &turn)
  }

  /// Evicts all exports of a node, as long as there is room for events; returns how many: with 0 all are gone.
  package mutating func evict(nid: NID, rpc: inout PtlRPC, turn: inout Turn) -> Int {
    var count = 0
    while hasRoom, let slot = nidIndex.first(nid.rawValue) {
      counters.exportsEvicted += 1
      endExport(slot, status: WireErrno.enotconn.status, rpc: &rpc, turn: &turn)
      count += 1
    }
    return count
  }

  /// Evicts all exports of a target, as long as there is room for events.
  ///
  /// - Returns: whether all are gone.
  package mutating func evictAll(
    ofTarget target: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) -> Bool {
    while hasRoom, targets.cells[Int(target)].firstExport != noRecord {
      let slot = Int(targets.cells[Int(target)].firstExport)
      endExport(slot, status: WireErrno.enodev.status, rpc: &rpc, turn: &turn)
    }
    return targets.cells[Int(target)].exportCount == 0
  }

  // MARK: - For the other files of the room

  static func key(_ uuid: ObdUUID, target: Int = 0) -> UInt64 {
    UUIDHash.secret.number(uuid) ^ UInt64(target) << 48
  }

  mutating func findTarget(_ name: ObdUUID) -> Int? {
    var entry = targetIndex.first(Self.key(name))
    while let found = entry {
      let slot = found / 2
      let isFound =
        found & 1 == 0
        ? targets.cells[slot].description.name == name
        : targets.cells[slot].description.uuid == name
      if isFound { return slot }
      entry = targetIndex.next(after: found)
    }
    return nil
  }

  mutating func findExport(_ cookie: Cookie) -> Int? {
    cookie.isNone ? nil : exportIndex.first(cookie.rawValue)
  }

  mutating func findExport(_ client: ObdUUID, target: Int) -> Int? {
    var slot = clientIndex.first(Self.key(client, target: target))
    while let found = slot {
      if exports.cells[found].client == client, exports.cells[found].target == UInt32(target) {
        return found
      }
      slot = clientIndex.next(after: found)
    }
    return nil
  }

  /// Takes a place for a new client.
  mutating func makeExport(
    _ client: ObdUUID, target: Int, peer: ProcessID, rpc: inout PtlRPC, turn: inout Turn
  ) -> Int? {
    reap(rpc: &rpc)
    guard let slot = exports.take() else { return nil }
    exports.cells[slot] = Export(
      target: target, client: client, handle: cookies.make(), peer: peer, at: turn.now)
    exportIndex.insert(slot, key: exports.cells[slot].handle.rawValue)
    clientIndex.insert(slot, key: Self.key(client, target: target))
    nidIndex.insert(slot, key: peer.nid.rawValue)
    rpc.resetImport(rpcSlot(ofExport: slot))
    let first = targets.cells[target].firstExport
    exports.cells[slot].next = first
    if first != noRecord { exports.cells[Int(first)].previous = UInt32(slot) }
    targets.cells[target].firstExport = UInt32(slot)
    targets.cells[target].exportCount += 1
    return slot
  }

  /// Where the client is now.
  mutating func setPeer(_ peer: ProcessID, interface: UInt8, ofExport slot: Int) {
    let old = exports.cells[slot].peer.nid
    if old != peer.nid {
      nidIndex.remove(slot, key: old.rawValue)
      nidIndex.insert(slot, key: peer.nid.rawValue)
    }
    exports.cells[slot].peer = peer
    exports.cells[slot].interface = interface
  }

  mutating func endExport(
    _ slot: Int, status: Int32, rpc: inout PtlRPC, turn: inout Turn
  ) {
    endLocks(ofExport: slot, rpc: &rpc, turn: &turn)
    forgetReplies(ofExport: slot)
    rpc.abortTransfers(ofExport: UInt32(slot), turn: &turn)
    let record = exports.cells[slot]
    let target = Int(record.target)
    exportIndex.remove(slot, key: record.handle.rawValue)
    clientIndex.remove(slot, key: Self.key(record.client, target: target))
    nidIndex.remove(slot, key: record.peer.nid.rawValue)
    untime(slot)
    if record.previous == noRecord {
      targets.cells[target].firstExport = record.next
    } else {
      exports.cells[Int(record.previous)].next = record.next
    }
    if record.next != noRecord { exports.cells[Int(record.next)].previous = record.previous }
    targets.cells[target].exportCount -= 1
    failCallbacks(slot, rpc: &rpc, turn: &turn)
    tell(ConnectionsEvent(.exportGone, exports.handle(slot), status: status))
    exports.cells[slot].isGone = true
    exports.cells[slot].next = firstGone
    firstGone = UInt32(slot)
    goneCount += 1
    reap(rpc: &rpc)
  }

  /// Frees places whose last requests are done: until then their slot stands for the old client in PtlRPC's lists.
  private mutating func reap(rpc: inout PtlRPC) {
    var slot = firstGone
    var previous = noRecord
    while slot != noRecord {
      let next = exports.cells[Int(slot)].next
      if rpc.hasRequestsInProgress(ofExport: slot) {
        previous = slot
      } else {
        if previous == noRecord {
          firstGone = next
        } else {
          exports.cells[Int(previous)].next = next
        }
        exports.give(Int(slot))
        goneCount -= 1
      }
      slot = next
    }
  }
}
