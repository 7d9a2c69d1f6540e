internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage

// SEQ_QUERY: a metadata target asks for a sequence of its own before it makes objects here (spec 11 §13).
extension ObjectServer {
  func admitSequence(
    _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) {
    let (operation, _): (UInt32, SequenceRange)
    do throws(WireError) {
      (operation, _) = try MetadataServer.read(received, bytes)
    } catch {
      throw .rpc(.eproto)
    }
    // Super-ranges are the first metadata target's to give.
    guard operation == 1 else { throw .rpc(.eopnotsupp) }
    // Its own has not come yet: whoever asks comes again.
    guard sequences.start != nil else { throw .rpc(.einprogress) }
  }

  mutating func startSequence(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    guard disk.hasRoom(for: 2) else { return false }
    guard allowance.take(by: operations[index].export, at: node.turn.now) else {
      // Too many for one client: it comes again (spec 10 §9.2).
      refuse(index, .rpc(.einprogress), &node)
      return true
    }
    guard let handedOut = sequences.take() else {
      refuse(index, .handler(.enospc), &node)
      return true
    }
    operations[index].lastID = UInt64(handedOut.number)
    operations[index].stage = .disk
    operations[index].isSync = true
    keepReply(index, &disk, &node)
    modify(
      index, .setLastID(sequence: handedOut.key, id: handedOut.value), isSync: true, &disk)
    return true
  }

  mutating func answerSequence(_ index: Int, _ node: inout NodeCore) -> Bool {
    let number = UInt32(truncatingIfNeeded: operations[index].lastID)
    guard let range = sequences.range(number: number) else {
      refuse(index, .handler(.eio), &node)
      return true
    }
    let lengths = BufferLengths(SequenceRange.byteCount)
    guard let message = begin(index, lengths, &node) else { return false }
    var bytes = node.turn.memory.mutableBytes(message)
    range.encode(into: &bytes, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }
}
