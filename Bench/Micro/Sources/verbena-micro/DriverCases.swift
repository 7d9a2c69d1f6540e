import BasicContainers
import EmulatedTransport
import LNet
import LustreWire
import NodeCore
import O2IBLND
import RDMATransport
import Structures

extension EndPair {
  /// O2IBLND over the fabric, without LNet: a message of 64 bytes one way.
  func measureDriver() {
    measure("o2iblnd and fabric: IMMEDIATE, one way") { times in
      let end = b.arrivedCount + times
      while b.arrivedCount < end {
        a.sendByDriver()
        a.driverTurn()
        b.driverTurn()
      }
    }
  }

  /// The fabric alone: a SEND of 184 bytes with its receive, one way.
  func measureFabric() {
    a.sendByDriver()
    // Until nothing is under way.
    for _ in 0..<4 {
      a.driverTurn()
      b.driverTurn()
    }
    measure("fabric: SEND of 184 B, one way") { times in
      for _ in 0..<times {
        a.sendRaw()
        b.receiveRaw()
      }
    }
  }
}

extension End {
  fileprivate mutating func sendByDriver() {
    Self.send(message, &node)
  }

  private static func send(_ message: LNDMessage, _ node: inout NodeCore) {
    var message = message
    node.lnd.send(&message, &node.turn)
  }

  /// A PUT as LNet hands it to its driver.
  private var message: LNDMessage {
    LNDMessage(
      id: Handle(raw: 1), interface: 0, peer: peer,
      header: LNetHeader(
        destination: ProcessID(nid: peer), source: ProcessID(nid: nid), payloadLength: 64,
        body: .put(
          LNetPut(acknowledgeHandle: .none, matchBits: 1, portal: Portal(rawValue: 60)))),
      payload: memory)
  }

  /// A turn in which LNet is not asked.
  fileprivate mutating func driverTurn() {
    completions.edit { transport.poll(completions: &$0) }
    for index in 0..<completions.count {
      arrivedCount += Self.complete(completions[index], &node)
    }
    completions.removeAll()
    node.flush()
    if !node.turn.sends.isEmpty { lastSend = node.turn.sends[node.turn.sends.count - 1] }
    if !node.turn.receives.isEmpty { lastReceive = node.turn.receives[0] }
    Self.handOver(&node, to: &transport)
  }

  private static func complete(_ completion: WorkCompletion, _ node: inout NodeCore) -> Int {
    var count = 0
    node.lnd.completionReceived(completion, &node.turn)
    while let event = node.lnd.events.popFirst() {
      guard event.kind == .immediate else { continue }
      count += 1
      node.lnd.answer(event.reception, .consumed, &node.turn)
    }
    return count
  }

  fileprivate mutating func sendRaw() {
    guard let request = lastSend else { preconditionFailure("nothing was sent before") }
    _ = transport.post(sends: [request].span)
    take()
  }

  fileprivate mutating func receiveRaw() {
    take()
    guard let request = lastReceive else { preconditionFailure("nothing was received before") }
    _ = transport.post(receives: [request].span)
  }

  private mutating func take() {
    completions.edit { transport.poll(completions: &$0) }
    precondition(completions.count == 1)
    completions.removeAll()
  }
}
