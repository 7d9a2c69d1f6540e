internal import BasicContainers
package import LustreWire
package import PtlRPC
internal import RDMATransport
internal import Structures

// No modifying request is executed twice: what it was answered is kept until its client says that it has the reply
// (spec 10 §10, 8.5 and 8.7; spec 12 §6.3, §6.4).
extension Connections {
  /// What a request was answered when it came before; nil when it is to be executed. A handler of modifying requests
  /// asks this first, and looks whether it `answers` what is asked now.
  package func savedReply(
    to body: RPCBody, xid: UInt64, of export: ExportHandle
  ) -> SavedReply? {
    guard let slot = exports.slot(export.raw), exports.cells[slot].firstSaved != noRecord,
      !body.flags.isDisjoint(with: [.resent, .replay]),
      let place = findReply(xid, export: slot)
    else { return nil }
    return savedReplies.cells[place]
  }

  /// Takes a place for the reply of a request that is about to be executed. `saveReply` or `forgetReply` follows.
  ///
  /// - Returns: nil when all places are taken, or the client is gone: executed again when it comes again.
  package mutating func reserveReply(
    to request: ReceivedRequest, of export: ExportHandle
  ) -> SavedReplyHandle? {
    guard let slot = exports.slot(export.raw) else { return nil }
    var reply = SavedReply(
      xid: request.xid, opcode: request.body.opcode, tag: request.body.tag)
    let hasIncreasingXIDs = exports.cells[slot].hasIncreasingXIDs
    reply.endsOlder = request.body.flags.isDisjoint(
      with: hasIncreasingXIDs ? .replay : [.replay, .resent])
    return reserveReply(reply, of: export)
  }

  /// Where on disk the reply is kept among those of its client.
  package func place(ofReply handle: SavedReplyHandle) -> UInt16? {
    guard let slot = savedReplies.slot(handle.raw) else { return nil }
    return savedReplies.cells[slot].place
  }

  /// The request has been executed. Older replies with the same tag are kept no longer (spec 12 §6.4); without tags, as
  /// such a client has one request and one close under way at a time (§6.3, 10 §9.4), those of the same kind.
  package mutating func saveReply(
    _ handle: SavedReplyHandle, transno: UInt64, status: Int32 = 0, data: UInt32 = 0
  ) {
    guard let slot = savedReplies.slot(handle.raw) else { return }
    savedReplies.cells[slot].transno = transno
    savedReplies.cells[slot].status = status
    savedReplies.cells[slot].data = data
    savedReplies.cells[slot].isComplete = true
    let saved = savedReplies.cells[slot]
    let export = Int(saved.export)
    let isSingle = saved.tag == 0 && hasSingleReplySlot(export)
    guard isSingle || saved.tag != 0 && saved.endsOlder else { return }
    let isClose = saved.opcode == .mdsClose
    // The list begins with the newest.
    var isOlder = false
    forgetReplies(ofExport: export) { other in
      if other.place == saved.place { isOlder = true }
      return isOlder && other.place != saved.place && other.tag == saved.tag && other.isComplete
        && (!isSingle || (other.opcode == .mdsClose) == isClose)
    }
  }

  /// Whether a client of a metadata or management target did not get MULTIMODRPCS. Those of object targets never do,
  /// and have many requests under way: a real one keeps no replies at all (spec 12 §6.3).
  private func hasSingleReplySlot(_ slot: Int) -> Bool {
    let kind = targets.cells[Int(exports.cells[slot].target)].description.traits.kind
    return kind != .ost && !exports.cells[slot].granted.flags.contains(.multipleModifying)
  }

  /// The request has changed nothing.
  package mutating func forgetReply(_ handle: SavedReplyHandle) {
    guard let slot = savedReplies.slot(handle.raw) else { return }
    let xid = savedReplies.cells[slot].xid
    forgetReplies(ofExport: Int(savedReplies.cells[slot].export)) { $0.xid == xid }
  }

  /// Puts a reply back that the disk has kept over a restart.
  package mutating func restoreReply(_ reply: SavedReply, of export: ExportHandle) {
    guard let handle = reserveReply(reply, of: export), let slot = savedReplies.slot(handle.raw)
    else { return }
    savedReplies.cells[slot].place = reply.place
    savedReplies.cells[slot].isComplete = true
  }

  /// For tests and operators: the replies of a client that are kept.
  package func savedReplyCount(of export: ExportHandle) -> Int {
    guard let slot = exports.slot(export.raw) else { return 0 }
    return places(ofExport: slot).nonzeroBitCount
  }

  // MARK: - For the other files of the room

  /// Whether a later request of its client, whose XIDs grow, has a request's tag, or has had it (spec 10 §10, 8.5).
  mutating func isTagBusy(
    _ handle: ServerRequestHandle, _ body: RPCBody, _ xid: UInt64, export slot: Int,
    rpc: inout PtlRPC
  ) -> Bool {
    guard !body.flags.contains(.replay) else { return false }
    if rpc.isObsolete(handle) { return true }
    var place = exports.cells[slot].firstSaved
    while place != noRecord {
      let saved = savedReplies.cells[Int(place)]
      if saved.tag == body.tag, saved.xid > xid { return true }
      place = saved.next
    }
    return false
  }

  /// The place of a reply whose request has been executed.
  func findReply(_ xid: UInt64, export slot: Int) -> Int? {
    var place = exports.cells[slot].firstSaved
    while place != noRecord {
      let saved = savedReplies.cells[Int(place)]
      if saved.xid == xid { return saved.isComplete ? Int(place) : nil }
      place = saved.next
    }
    return nil
  }

  /// The client has the replies to all requests up to an XID, or is gone.
  mutating func forgetReplies(ofExport slot: Int, through xid: UInt64 = .max) {
    guard exports.cells[slot].firstSaved != noRecord else { return }
    forgetReplies(ofExport: slot) { $0.xid <= xid }
  }

  private mutating func forgetReplies(
    ofExport slot: Int, where isDone: (SavedReply) -> Bool
  ) {
    var previous = noRecord
    var place = exports.cells[slot].firstSaved
    while place != noRecord {
      let next = savedReplies.cells[Int(place)].next
      if isDone(savedReplies.cells[Int(place)]) {
        if previous == noRecord {
          exports.cells[slot].firstSaved = next
        } else {
          savedReplies.cells[Int(previous)].next = next
        }
        savedReplies.give(Int(place))
      } else {
        previous = place
      }
      place = next
    }
  }

  mutating func reserveReply(
    _ reply: SavedReply, of export: ExportHandle
  ) -> SavedReplyHandle? {
    guard let slot = exports.slot(export.raw), !exports.cells[slot].isGone else { return nil }
    if places(ofExport: slot) == .max { forgetOldestReply(ofExport: slot) }
    let used = places(ofExport: slot)
    guard used != .max, let place = savedReplies.take() else {
      counters.repliesUnsaved += 1
      return nil
    }
    savedReplies.cells[place] = reply
    savedReplies.cells[place].place = UInt16((~used).trailingZeroBitCount)
    savedReplies.cells[place].isComplete = false
    savedReplies.cells[place].export = UInt32(slot)
    savedReplies.cells[place].next = exports.cells[slot].firstSaved
    exports.cells[slot].firstSaved = UInt32(place)
    return SavedReplyHandle(raw: savedReplies.handle(place))
  }

  /// Places that a client's replies have, as a set of bits.
  private func places(ofExport slot: Int) -> UInt64 {
    var used: UInt64 = 0
    var place = exports.cells[slot].firstSaved
    while place != noRecord {
      used |= 1 << UInt64(savedReplies.cells[Int(place)].place)
      place = savedReplies.cells[Int(place)].next
    }
    return used
  }

  private mutating func forgetOldestReply(ofExport slot: Int) {
    var oldest: UInt64?
    var place = exports.cells[slot].firstSaved
    while place != noRecord {
      let saved = savedReplies.cells[Int(place)]
      // The list begins with the newest.
      if saved.isComplete { oldest = saved.xid }
      place = saved.next
    }
    guard let oldest else { return }
    forgetReplies(ofExport: slot) { $0.xid == oldest && $0.isComplete }
  }
}
