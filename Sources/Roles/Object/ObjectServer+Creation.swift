internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// OST_CREATE: single objects of the sequence for tests, and the batches that metadata targets make in advance
// (spec 13 A.1, A.2). One at a time, as each one continues where the last one has ended.
extension ObjectServer {
  /// Objects of one round of commands.
  private static let batchCountMax: UInt64 = 64
  /// The highest number of an object: those of sequence 0 have 48 bits, though the wire has room for 64 (spec 13 §5.3).
  static let numberMax: UInt64 = (1 << 48) - 1
  /// Objects of one request: the most that a metadata target asks for.
  private static let creationCountMax: UInt64 = 20_000

  mutating func startCreation(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    if operations[index].creation == .none {
      operations[index].creation = .queued
      creations.append(UInt32(index))
    }
    guard creations.first == UInt32(index) else {
      operations[index].stage = .queued
      return true
    }
    guard disk.hasRoom(for: Int(Self.batchCountMax) + 2) else { return false }
    if operations[index].creation == .queued { planCreation(index, &node) }
    if operations[index].creation == .done {
      operations[index].stage = .answer
      return answer(index, &disk, &node)
    }
    askForBatch(index, &disk, &node)
    return true
  }

  /// Finds out which ids are to be made or taken away.
  private mutating func planCreation(_ index: Int, _ node: inout NodeCore) {
    let operation = operations[index]
    let received = node.rpc.received(operation.handle)
    let bytes = node.turn.memory.bytes(received.bytes)
    guard let asked = try? attributes(received, bytes) else {
      preconditionFailure("a request that has changed")
    }
    let last = lastIDs[operation.object.sequence] ?? 0
    let wanted = asked.object.number
    let flags = asked.valid.contains(.flags) ? asked.flags : []
    operations[index].nextID = last + 1
    operations[index].lastID = last
    if operation.object.sequence == ObjectID.echoSequence {
      operations[index].creation = .make
      operations[index].lastID = last + 1
    } else if flags.contains(.recreate) {
      operations[index].creation = .makeAgain
      operations[index].nextID = wanted
      operations[index].lastID = wanted
    } else if wanted > last {
      operations[index].creation = .make
      operations[index].lastID = min(wanted, last + Self.creationCountMax)
    } else if flags.contains(.deleteOrphans), wanted < last {
      // What a metadata target does not know of was made for nobody.
      operations[index].creation = .remove
      operations[index].nextID = wanted + 1
    } else {
      operations[index].creation = .done
    }
    operations[index].firstID = operations[index].nextID
  }

  private mutating func askForBatch(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    let operation = operations[index]
    let sequence = operation.object.sequence
    let end = min(operation.lastID, operation.nextID + Self.batchCountMax - 1)
    operations[index].stage = .disk
    operations[index].batchEnd = end
    operations[index].transno = 0
    // Earlier rounds find what they have made when they are asked again.
    if operation.creation == .make, end == operation.lastID { keepReply(index, &disk, &node) }
    for id in operation.nextID...end {
      let object = StoredObjectID(sequence: sequence, object: id)
      switch operation.creation {
      case .remove:
        // Each for itself: one that is not there must not keep the others.
        operations[index].transno = 0
        modify(index, .destroy(object), &disk)
      case .makeAgain: modify(index, .create(object, StoredAttributes()), &disk)
      default: modify(index, .create(object, StoredAttributes()), continues: true, &disk)
      }
    }
    guard operation.creation != .makeAgain else { return }
    let isRemoval = operation.creation == .remove
    // The last id goes back when all are gone: what a crash leaves is found again.
    if isRemoval, end < operation.lastID { return }
    if isRemoval { operations[index].transno = 0 }
    let last = isRemoval ? operation.firstID - 1 : end
    modify(index, .setLastID(sequence: sequence, id: last), &disk)
  }

  /// All commands of a round have ended.
  mutating func batchEnded(_ index: Int) {
    let operation = operations[index]
    let sequence = operation.object.sequence
    if operation.errno == 0 {
      switch operation.creation {
      case .make: lastIDs[sequence] = operation.batchEnd
      case .remove where operation.batchEnd == operation.lastID:
        lastIDs[sequence] = operation.firstID - 1
      default: break
      }
      counters.created += operation.creation == .remove ? 0 : operation.countOfBatch
      counters.destroyed += operation.creation == .remove ? operation.countOfBatch : 0
      operations[index].nextID = operation.batchEnd + 1
      if operation.batchEnd < operation.lastID {
        operations[index].stage = .start
        return
      }
      if operation.creation == .remove { operations[index].lastID = operation.firstID - 1 }
    } else if operation.nextID > operation.firstID, operation.creation == .make {
      // Some are there: the client is told how far it has come.
      operations[index].errno = 0
      operations[index].lastID = operation.nextID - 1
    }
    operations[index].stage = .answer
  }

  /// The next creation has its turn.
  mutating func creationOver(_ index: Int) {
    guard operations[index].creation != .none, creations.first == UInt32(index) else { return }
    creations.dropFirst()
    if let next = creations.first, operations[Int(next)].stage == .queued {
      operations[Int(next)].stage = .start
      waiting.append(next)
    }
  }
}
