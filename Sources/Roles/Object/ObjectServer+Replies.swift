internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage

// Requests without bulk that change something are executed once: one that comes again because its reply was lost is
// answered as before (spec 10 §10, 8.7). A real object target executes them again (spec 12 §6.3), as READ and WRITE are
// here: the client waits for their bulk. For the creation of an object of the echo sequence that makes a difference.
extension ObjectServer {
  /// Looks whether a request was executed before; one that only looks like that is refused.
  mutating func recallReply(
    _ index: Int, _ received: ReceivedRequest, _ node: borrowing NodeCore
  ) throws(ObjectRefusal) {
    let export = operations[index].export
    let opcode = operations[index].opcode
    guard
      let saved = node.connections.savedReply(to: received.body, xid: received.xid, of: export)
    else { return }
    guard Self.keepsReply(opcode), saved.answers(opcode) else { throw .rpc(.eproto) }
    counters.repeated += 1
    operations[index].isRepeated = true
    operations[index].wantsLock = false
    operations[index].transno = saved.transno
    operations[index].lastID = UInt64(saved.data)
  }

  /// Whether replies to such requests are kept.
  private static func keepsReply(_ opcode: Opcode) -> Bool {
    switch opcode {
    case .ostCreate, .ostDestroy, .ostSetAttributes, .ostPunch, .sequenceQuery: true
    default: false
    }
  }

  /// Makes the answer again: attributes are those of now.
  mutating func startAgain(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let object = operations[index].object
    switch operations[index].opcode {
    case .ostSetAttributes, .ostPunch:
      guard disk.hasRoom() else { return false }
      operations[index].stage = .disk
      command(index, .getAttributes(object), &disk)
      return true
    case .ostCreate where object.sequence != ObjectID.echoSequence:
      operations[index].lastID = lastIDs[object.sequence] ?? 0
    default: break
    }
    operations[index].stage = .answer
    return answer(index, &disk, &node)
  }

  /// Takes a place for the reply of a request that begins its last transaction, of which the record on disk is a part.
  mutating func keepReply(_ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore) {
    let operation = operations[index]
    let received = node.rpc.received(operation.handle)
    guard let saved = node.connections.reserveReply(to: received, of: operation.export)
    else { return }
    operations[index].saved = saved
    guard let slot = clientSlots.slot(of: operation.export),
      let place = node.connections.place(ofReply: saved)
    else { return }
    operations[index].transno = disk.makeTransno()
    let result = RequestResult(
      transno: operations[index].transno, xid: received.xid,
      data: UInt32(truncatingIfNeeded: operation.lastID))
    modify(
      index,
      .setReply(
        ReplyRecord(
          client: slot, place: place, tag: received.body.tag, opcode: received.body.opcode,
          result: result)),
      continues: true, &disk)
  }

  /// The request ends: its reply is kept if it has done what it was to do.
  mutating func settleReply(_ index: Int, isDone: Bool = false, _ node: inout NodeCore) {
    let operation = operations[index]
    guard operation.saved != .none else { return }
    operations[index].saved = .none
    if isDone {
      node.connections.saveReply(
        operation.saved, transno: operation.transno,
        data: UInt32(truncatingIfNeeded: operation.lastID))
    } else {
      node.connections.forgetReply(operation.saved)
    }
  }
}
