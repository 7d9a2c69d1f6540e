internal import BasicContainers
package import LustreWire
package import RDMATransport
internal import Structures

/// A ping or push of ours, until its descriptor is gone and nobody reads its result.
struct ProbeRecord: BitwiseCopyable {
  enum Purpose: UInt8, BitwiseCopyable {
    /// A ping that a caller asked for.
    case command
    /// A ping of a peer that is being discovered.
    case discovery
    /// A ping of a NID whose health is low.
    case recovery
    /// A push of our own list.
    case push
  }

  var purpose: Purpose
  /// Its caller has been told, or its discovery goes on without it.
  var isReported = false
  /// Nobody will read the result.
  var isReleased = false
  /// Its descriptor has had its last event.
  var isUnlinked = false
  /// Whom it went to.
  var hop: PeerInterfaceRef
  /// Of a discovery or push: the peer on whose behalf, whatever becomes of the NID meanwhile.
  var peer: UInt32
  var nid: NID
  var tag: UInt64
  /// The memory of the ping info that comes or goes.
  var piece: BufferRef
  /// Bytes of the answer.
  var length: UInt32 = 0
  var descriptor: DescriptorHandle
  var timer: TimerID?
}

// The pinger (spec 01 §6.1, §6.5), and what pings and pushes have in common.
extension LNet {
  /// Asks a node for its ping info. `pinged` follows within the time given.
  ///
  /// - Parameters:
  ///   - timeout: nanoseconds; Lustre's own commands wait one second (spec 01 §6.5).
  ///   - tag: comes back in the event.
  @discardableResult
  package mutating func ping(
    _ nid: NID, timeout: UInt64, tag: UInt64, turn: inout Turn
  ) throws(LNetError) -> PingHandle {
    let handle = try startProbe(
      .command, nid, sinkLength: Int(LNetLimits.pingCommandSinkBytes), tag: tag, turn: &turn)
    guard
      let timer = turn.timers.make(
        kind: timerKind, owner: LNetTimer.ping.owner(slot: handle.slot))
    else {
      probes.cells[probes.slot(handle)].isReported = true
      giveUp(handle, turn: &turn)
      throw .busy
    }
    probes.cells[probes.slot(handle)].timer = timer
    turn.timers.arm(timer, at: turn.now &+ timeout)
    return PingHandle(raw: handle)
  }

  /// The bytes of a ping info that has come; they stay until the ping is released.
  package func pingInfo(_ ping: PingHandle) -> BufferRef? {
    guard probes.contains(ping.raw), probes[ping.raw].length > 0 else { return nil }
    return probes[ping.raw].piece.part(offset: 0, length: Int(probes[ping.raw].length))
  }

  /// Gives the result of a ping back. A ping under way is given up, and no event follows.
  package mutating func release(_ ping: PingHandle, turn: inout Turn) {
    guard probes.contains(ping.raw) else { return }
    probes.cells[probes.slot(ping.raw)].isReported = true
    giveUp(ping.raw, turn: &turn)
  }

  package var pingCount: Int { probes.count }

  /// Sends a ping, or a push. The message's events come to `probeEvent`.
  mutating func startProbe(
    _ purpose: ProbeRecord.Purpose, _ nid: NID, ofPeer peer: UInt32 = noCell,
    sinkLength: Int = 0, tag: UInt64 = 0, turn: inout Turn
  ) throws(LNetError) -> Handle {
    var way: Route?
    if nid == .loopback || ownInterface(nid) != nil {
      way = Route(interface: 0, nid: .loopback, hop: .none, parks: false)
    } else {
      way = route(exactlyTo: nid, turn: &turn)
    }
    guard let route = way else { throw .noRoute }
    guard requestCount < limits.messages, descriptors.freeCount > 0, outbox.freeCapacity > 0,
      let piece = turn.memory.messages.allocatePiece()
    else { throw .busy }
    var record = ProbeRecord(
      purpose: purpose, hop: route.hop, peer: peer, nid: nid, tag: tag, piece: piece,
      descriptor: .none)
    record.isReleased = purpose != .command
    guard let handle = probes.insert(record) else {
      turn.memory.release(piece)
      throw .busy
    }
    let memory =
      purpose == .push
      ? writeOwnInfo(into: piece, turn: &turn) : piece.part(offset: 0, length: sinkLength)
    let index: Int
    do {
      index = try make(
        MemoryDescriptor(
          memory: memory, options: .truncate, threshold: 2, tag: UInt64(handle.raw)),
        owner: .probe)
    } catch {
      preconditionFailure("a descriptor went away")
    }
    let descriptor = DescriptorHandle(raw: descriptors[index].id)
    probes.cells[probes.slot(handle)].descriptor = descriptor
    if purpose == .push {
      counters.pushesSent += 1
      try put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: nid), portal: .reserved,
          matchBits: LNetLimits.pingMatchBits, wantsAcknowledge: true,
          interface: route.interface), from: index, route, turn: &turn)
    } else {
      counters.pingsSent += 1
      try get(
        GetRequest(
          descriptor: descriptor, target: ProcessID(nid: nid), portal: .reserved,
          matchBits: LNetLimits.pingMatchBits, interface: route.interface), into: index, route,
        isRecovery: purpose == .recovery, turn: &turn)
    }
    return handle
  }

  /// Something happened to the descriptor of a ping or push.
  mutating func probeEvent(_ event: LNetEvent, turn: inout Turn) {
    let handle = Handle(raw: UInt32(truncatingIfNeeded: event.tag))
    guard probes.contains(handle) else { return }
    if event.isUnlinked { probes.cells[probes.slot(handle)].isUnlinked = true }
    let isReported = probes[handle].isReported
    switch event.kind {
    case .reply where event.status == 0, .acknowledge where event.status == 0:
      if !isReported { report(handle, status: 0, length: event.movedLength, turn: &turn) }
    case .send where event.status == 0: break
    default:
      if !isReported { report(handle, status: event.status, length: 0, turn: &turn) }
    }
    tidy(handle, turn: &turn)
  }

  /// The caller's time for a ping is over.
  mutating func probeTimedOut(slot: Int, turn: inout Turn) {
    guard let handle = probes.handle(at: slot), !probes[handle].isReported else { return }
    report(handle, status: Errno.timedOut, length: 0, turn: &turn)
    giveUp(handle, turn: &turn)
  }

  /// Tells whoever waits how a ping or push ended.
  private mutating func report(
    _ handle: Handle, status: Int32, length: UInt32, turn: inout Turn
  ) {
    probes.cells[probes.slot(handle)].isReported = true
    probes.cells[probes.slot(handle)].length = length
    if let timer = probes[handle].timer {
      turn.timers.free(timer)
      probes.cells[probes.slot(handle)].timer = nil
    }
    let record = probes[handle]
    switch record.purpose {
    case .command:
      if status != 0 { probes.cells[probes.slot(handle)].isReleased = true }
      var event = LNetEvent(kind: .pinged, status: status, tag: record.tag)
      event.movedLength = length
      event.source = record.nid
      event.ping = PingHandle(raw: handle)
      emit(event, owner: .consumer, turn: &turn)
    case .discovery:
      guard isAwaited(handle) else { break }
      discoveryAnswered(
        peer: Int(record.peer), record.hop, status: status,
        info: record.piece.part(offset: 0, length: Int(length)), turn: &turn)
    case .recovery:
      recoveryAnswered(record.hop, status: status)
    case .push:
      guard isAwaited(handle) else { break }
      pushAnswered(peer: Int(record.peer), record.hop, status: status, turn: &turn)
    }
  }

  /// Whether the peer of a ping or push is still there and waits for just this one.
  private mutating func isAwaited(_ handle: Handle) -> Bool {
    let peer = Int(probes[handle].peer)
    return peers[peer].isTaken && peers[peer].probe == handle
  }

  /// Nobody waits any more: what is under way ends by itself.
  private mutating func giveUp(_ handle: Handle, turn: inout Turn) {
    probes.cells[probes.slot(handle)].isReleased = true
    if let timer = probes[handle].timer {
      turn.timers.free(timer)
      probes.cells[probes.slot(handle)].timer = nil
    }
    if let index = find(probes[handle].descriptor) {
      abort(descriptor: index, status: Errno.timedOut, idleStatus: Errno.timedOut, turn: &turn)
    }
    if probes.contains(handle) { tidy(handle, turn: &turn) }
  }

  /// Frees a probe that nobody and nothing uses any more.
  private mutating func tidy(_ handle: Handle, turn: inout Turn) {
    guard probes.contains(handle), probes[handle].isUnlinked, probes[handle].isReleased,
      let record = probes.remove(handle)
    else { return }
    turn.memory.release(record.piece)
  }
}
