internal import BasicContainers
package import LustreWire
package import RDMATransport

/// One of our own NIDs.
struct OwnInterface: BitwiseCopyable {
  var nid: NID
  var status: InterfaceStatus
  /// 0 to `Health.full` (spec 01 §10.2).
  var health = Health.full
  /// Messages with the driver, or waiting for a credit.
  var outstanding: UInt32 = 0
  /// PUTs and GETs with the driver, and those that wait for one of them to end.
  var withDriver = 0
  var waiting = MessageList()
  /// When it was chosen last, for taking turns.
  var turn: UInt32 = 0

  init(nid: NID, status: InterfaceStatus) {
    self.nid = nid
    self.status = status
  }
}

extension LNet {
  /// Which of our interfaces has this NID.
  @inline(__always)
  func ownInterface(_ nid: NID) -> Int? {
    for index in 0..<interfaces.count where interfaces[index].nid == nid { return index }
    return nil
  }

  /// Whether there is one of our interfaces on a network.
  @inline(__always)
  func reaches(_ net: NetID) -> Bool {
    for index in 0..<interfaces.count where interfaces[index].nid.net == net { return true }
    return false
  }

  /// Says whether one of our interfaces works. A change is pushed to all peers that take pushes
  /// (spec 01 §7.3, §7.7).
  package mutating func setStatus(
    ofInterface index: Int, _ status: InterfaceStatus, turn: inout Turn
  ) {
    guard interfaces[index].status != status else { return }
    interfaces[index].status = status
    sequence &+= 1
    ownInfo.entries[index + 1].status = status
    ownInfo.entries[0].status = InterfaceStatus(rawValue: sequence)
    pushHand = 0
    postponeWork(turn: &turn)
  }

  /// The sequence number of our list of interfaces.
  package var listSequence: UInt32 { sequence }

  package func health(ofInterface index: Int) -> Int { Int(interfaces[index].health) }
}
