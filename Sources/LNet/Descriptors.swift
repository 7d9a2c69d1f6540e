internal import BasicContainers
internal import LustreWire
package import RDMATransport
internal import Structures

// Entries and descriptors: what consumers attach, bind and unlink (spec 01 §4.2).
extension LNet {
  /// Enters a match entry; it does nothing until a descriptor is attached.
  package mutating func attach(_ entry: MatchEntry) throws(LNetError) -> EntryHandle {
    precondition(entry.portal.isLegal && entry.portal != .reserved, "portal 0 is LNet's own")
    guard let index = entries.take() else { throw .busy }
    let id = makeID(slot: index)
    entries.cells[index] = EntryRecord(
      id: id, matchBits: entry.matchBits, ignoreBits: entry.ignoreBits, nid: entry.nid,
      pid: entry.pid, descriptor: noCell, next: noCell, previous: noCell,
      portal: UInt8(truncatingIfNeeded: entry.portal.rawValue),
      unlinksWithDescriptor: entry.unlinksWithDescriptor)
    link(entry: index, position: entry.position)
    return EntryHandle(raw: id)
  }

  /// Gives an entry its descriptor. Messages that wait on a lazy portal may land at once.
  package mutating func attach(
    _ descriptor: MemoryDescriptor, to entry: EntryHandle, turn: inout Turn
  ) throws(LNetError) -> DescriptorHandle {
    guard let entryIndex = find(entry) else { throw .unknownHandle }
    guard entries[entryIndex].descriptor == noCell else { throw .occupied }
    precondition(
      !descriptor.options.contains(.get) || descriptor.memory.isBulk,
      "what peers read lies in bulk memory")
    let index = try make(descriptor, owner: .consumer)
    descriptors.cells[index].entry = UInt32(entryIndex)
    entries.cells[entryIndex].descriptor = UInt32(index)
    let handle = DescriptorHandle(raw: descriptors[index].id)
    let portal = Int(entries[entryIndex].portal)
    if portals[portal].firstHeld != noCell { drain(portal: portal, turn: &turn) }
    return handle
  }

  /// Attaches an entry with its descriptor in one step.
  package mutating func expose(
    _ entry: MatchEntry, _ descriptor: MemoryDescriptor, turn: inout Turn
  ) throws(LNetError) -> DescriptorHandle {
    guard descriptors.freeCount > 0 else { throw .busy }
    let entryHandle = try attach(entry)
    return try attach(descriptor, to: entryHandle, turn: &turn)
  }

  /// Makes a free-floating descriptor: the source of PUTs or the sink of GETs.
  package mutating func bind(_ descriptor: MemoryDescriptor) throws(LNetError) -> DescriptorHandle {
    let index = try make(descriptor, owner: .consumer)
    return DescriptorHandle(raw: descriptors[index].id)
  }

  /// Takes a descriptor away. If nothing is under way with it, `unlink` follows with status 0; else each
  /// operation under way ends with -ETIMEDOUT, and the last one says that it is unlinked (spec 01 §4.5).
  package mutating func unlink(
    _ handle: DescriptorHandle, turn: inout Turn
  ) throws(LNetError) {
    guard let index = find(handle) else { throw .unknownHandle }
    abort(descriptor: index, status: Errno.timedOut, idleStatus: 0, turn: &turn)
  }

  /// Takes an entry away, and its descriptor with it as `unlink` does.
  package mutating func unlink(_ handle: EntryHandle, turn: inout Turn) throws(LNetError) {
    guard let index = find(handle) else { throw .unknownHandle }
    let descriptor = entries[index].descriptor
    if descriptor != noCell {
      descriptors.cells[Int(descriptor)].entry = noCell
      remove(entry: index)
      abort(descriptor: Int(descriptor), status: Errno.timedOut, idleStatus: 0, turn: &turn)
    } else {
      remove(entry: index)
    }
  }

  /// Whether the descriptor still lives, as the owner sees it: not unlinked.
  package func isLive(_ handle: DescriptorHandle) -> Bool { find(handle) != nil }

  package var descriptorCount: Int { descriptors.takenCount }
  package var entryCount: Int { entries.takenCount }
  package var messageCount: Int { messages.count }
  package var operationCount: Int { operations.count }

  // Below: for the other files of the room.

  /// Identities count upwards above the slot's 20 bits: none is used twice.
  private mutating func makeID(slot: Int) -> UInt64 {
    defer { nextID &+= 1 << 20 }
    return nextID | UInt64(slot)
  }

  @inline(__always)
  func find(_ handle: EntryHandle) -> Int? {
    let index = Int(handle.raw & 0xF_FFFF)
    guard handle != .none, index < entries.capacity, entries[index].id == handle.raw else {
      return nil
    }
    return index
  }

  @inline(__always)
  func find(_ handle: DescriptorHandle) -> Int? {
    let index = Int(handle.raw & 0xF_FFFF)
    guard handle != .none, index < descriptors.capacity, descriptors[index].id == handle.raw
    else { return nil }
    return index
  }

  mutating func make(
    _ descriptor: MemoryDescriptor, owner: DescriptorOwner
  ) throws(LNetError) -> Int {
    let isInPlace = descriptor.memory == .none
    guard let index = descriptors.take() else { throw .busy }
    descriptors.cells[index] = .free
    descriptors.cells[index].id = makeID(slot: index)
    descriptors.cells[index].tag = descriptor.tag
    descriptors.cells[index].memory = descriptor.memory
    descriptors.cells[index].length =
      isInPlace ? LNetLimits.maximumPayloadBytes : descriptor.memory.length
    descriptors.cells[index].maxSize = descriptor.maxSize
    descriptors.cells[index].threshold = descriptor.threshold
    descriptors.cells[index].options = descriptor.options
    descriptors.cells[index].unlinksWhenExhausted = descriptor.unlinksWhenExhausted
    descriptors.cells[index].isInPlace = isInPlace
    descriptors.cells[index].owner = owner
    return index
  }

  /// Cuts a descriptor off from its entry, and frees the entry if it goes with it.
  mutating func detachEntry(ofDescriptor index: Int) {
    let entry = descriptors[index].entry
    guard entry != noCell else { return }
    descriptors.cells[index].entry = noCell
    entries.cells[Int(entry)].descriptor = noCell
    if entries[Int(entry)].unlinksWithDescriptor { remove(entry: Int(entry)) }
  }

  /// Unlinks with the status that operations under way shall end with.
  mutating func abort(
    descriptor index: Int, status: Int32, idleStatus: Int32, turn: inout Turn
  ) {
    guard !descriptors[index].isAborted else { return }
    detachEntry(ofDescriptor: index)
    stopExpecting(descriptor: index)
    guard descriptors[index].uses > 0 else {
      var event = makeEvent(.unlink, descriptor: index)
      event.status = idleStatus
      event.isUnlinked = true
      let owner = descriptors[index].owner
      free(descriptor: index)
      emit(event, owner: owner, turn: &turn)
      return
    }
    descriptors.cells[index].isAborted = true
    descriptors.cells[index].abortStatus = status
    let message = descriptors[index].message
    guard messages.contains(message) else { return }
    switch messages[message].state {
    case .parked:
      unpark(message)
      complete(message, status: status, turn: &turn)
    case .waitsForPeer, .waitsForInterface:
      cancelWaiting(message, status: status, turn: &turn)
    case .sent: break
    }
  }

  @inline(__always)
  func makeEvent(_ kind: LNetEvent.Kind, descriptor index: Int) -> LNetEvent {
    LNetEvent(
      kind: kind, descriptor: DescriptorHandle(raw: descriptors[index].id),
      tag: descriptors[index].tag)
  }

  /// Ends one use of a descriptor with an event; frees the descriptor if that was the last.
  mutating func endUse(of index: Int, with event: inout LNetEvent, turn: inout Turn) {
    let owner = descriptors.cells[index].owner
    if Self.endUse(&descriptors.cells[index], with: &event) {
      event.isUnlinked = true
      detachEntry(ofDescriptor: index)
      stopExpecting(descriptor: index)
      free(descriptor: index)
    }
    emit(event, owner: owner, turn: &turn)
  }

  /// Whether the descriptor goes with this use.
  @inline(__always)
  private static func endUse(
    _ descriptor: inout DescriptorRecord, with event: inout LNetEvent
  ) -> Bool {
    descriptor.uses -= 1
    if descriptor.isAborted { event.status = descriptor.abortStatus }
    return descriptor.uses == 0
      && (descriptor.isAborted || descriptor.isExhausted && descriptor.unlinksWhenExhausted)
  }

  private mutating func free(descriptor index: Int) {
    descriptors.cells[index].id = 0
    descriptors.give(index)
  }

  /// Gives an event to whom it belongs.
  @inline(__always)
  mutating func emit(_ event: LNetEvent, owner: DescriptorOwner, turn: inout Turn) {
    switch owner {
    case .consumer:
      let isKept = events.append(event)
      precondition(isKept, "the node called in without room for events")
    case .probe: probeEvent(event, turn: &turn)
    }
  }
}
