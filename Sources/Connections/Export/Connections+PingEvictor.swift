internal import BasicContainers
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// Silent clients (spec 12 §3.1).
extension Connections {
  /// A client has been heard: its deadline moves, and those of the others are looked at.
  ///
  /// - Parameter estimate: of the service that it asked, in seconds.
  mutating func heard(
    ofExport slot: Int, estimate: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let now = turn.now
    exports.cells[slot].lastRequest = now
    let target = Int(exports.cells[slot].target)
    let latency = rpc.latency(ofImport: rpcSlot(ofExport: slot))
    let allowance = PingEvictor.allowance(
      estimate: estimate, latency: latency, rpc.adaptive)
    if exports.cells[slot].isTimed,
      now + allowance > exports.cells[slot].deadline + 1_000_000_000
    {
      time(slot, until: now + allowance)
    }
    let isRecent =
      now < targets.cells[target].silence.lastRequest
      + targets.cells[target].silence.lastAllowance / 2
    targets.cells[target].silence.lastRequest = now
    targets.cells[target].silence.lastAllowance = allowance
    let oldest = targets.cells[target].silence.first
    guard oldest != noRecord, exports.cells[Int(oldest)].deadline < now,
      !targets.cells[target].isRecovering
    else {
      targets.cells[target].silence.respite = 0
      return
    }
    if targets.cells[target].silence.respite == 0, !isRecent {
      // Perhaps it was we who heard nobody: all get the time to say something.
      targets.cells[target].silence.respite = now + PingEvictor.respite(latency: latency)
    }
    guard now >= targets.cells[target].silence.respite else { return }
    targets.cells[target].silence.respite = 0
    evictSilent(target, rpc: &rpc, turn: &turn)
  }

  /// Evicts those whose time has passed, as long as there is room for events; the next request goes on.
  private mutating func evictSilent(_ target: Int, rpc: inout PtlRPC, turn: inout Turn) {
    while hasRoom, targets.cells[target].silence.first != noRecord {
      let slot = Int(targets.cells[target].silence.first)
      guard exports.cells[slot].deadline < turn.now else { return }
      counters.evictionsBySilence += 1
      counters.exportsEvicted += 1
      endExport(slot, status: WireErrno.etimedout.status, rpc: &rpc, turn: &turn)
    }
  }

  /// A client is granted, or granted anew.
  mutating func setTimed(_ isTimed: Bool, export slot: Int, at now: UInt64) {
    if isTimed, !exports.cells[slot].isTimed {
      exports.cells[slot].isTimed = true
      linkTimed(slot, deadline: now + PingEvictor.firstAllowance)
    } else if !isTimed {
      untime(slot)
    }
  }

  /// Takes an export out of the list.
  mutating func untime(_ slot: Int) {
    guard exports.cells[slot].isTimed else { return }
    exports.cells[slot].isTimed = false
    unlinkTimed(slot)
  }

  private mutating func time(_ slot: Int, until deadline: UInt64) {
    unlinkTimed(slot)
    linkTimed(slot, deadline: deadline)
  }

  /// Deadlines grow with the time, so that the place is nearly always the last one.
  private mutating func linkTimed(_ slot: Int, deadline: UInt64) {
    let target = Int(exports.cells[slot].target)
    exports.cells[slot].deadline = deadline
    var before = targets.cells[target].silence.last
    while before != noRecord, exports.cells[Int(before)].deadline > deadline {
      before = exports.cells[Int(before)].previousTimed
    }
    let after =
      before == noRecord
      ? targets.cells[target].silence.first : exports.cells[Int(before)].nextTimed
    exports.cells[slot].previousTimed = before
    exports.cells[slot].nextTimed = after
    setNeighbours(before, next: UInt32(slot), after, previous: UInt32(slot), target)
  }

  private mutating func unlinkTimed(_ slot: Int) {
    let record = exports.cells[slot]
    setNeighbours(
      record.previousTimed, next: record.nextTimed, record.nextTimed,
      previous: record.previousTimed, Int(record.target))
  }

  private mutating func setNeighbours(
    _ before: UInt32, next: UInt32, _ after: UInt32, previous: UInt32, _ target: Int
  ) {
    if before == noRecord {
      targets.cells[target].silence.first = next
    } else {
      exports.cells[Int(before)].nextTimed = next
    }
    if after == noRecord {
      targets.cells[target].silence.last = previous
    } else {
      exports.cells[Int(after)].previousTimed = previous
    }
  }
}
