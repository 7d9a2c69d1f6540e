package import LNet

/// How much of everything the room may keep. Nothing grows after the start.
package struct RPCCapacity: Equatable, Sendable {
  /// Imports: their lists and estimates.
  package var imports = 64
  /// Exports: their lists of requests in progress.
  package var exports = 64
  /// Requests of ours, from `begin` until nothing of them is on the wire; each takes two message pieces.
  package var requests = 256
  /// Requests of peers, from their arrival until their answer is sent. More than LNet hands over in place
  /// (`LNetCapacity.messagesInPlace`): those whose answer is on its way count too.
  package var serverRequests = 512
  /// Of these, how many are kept for connects, pings and cancels.
  package var urgentRequests: Int { serverRequests / 8 }
  /// Of these, how many may be copied out of their receive buffers; each copy takes a message piece.
  package var copiedRequests = 128
  /// Services: request portals.
  package var services = 16
  /// LNet operations of bulk transfers, both sides: one each for up to 1 MiB.
  package var bulkOperations = 512
  /// Events that nobody has taken yet, a power of two.
  package var events = 1024

  package init() {}

  /// Nothing: a node that speaks LNet only.
  package static var none: RPCCapacity {
    var capacity = RPCCapacity()
    capacity.imports = 0
    capacity.exports = 0
    capacity.requests = 0
    capacity.serverRequests = 0
    capacity.copiedRequests = 0
    capacity.services = 0
    capacity.bulkOperations = 0
    capacity.events = 1
    return capacity
  }

  /// Entries that all this takes in the node's timer wheel.
  package var timerCount: Int { requests + serverRequests + 1 }

  /// Message pieces that all this takes at most: requests and replies of ours; copies, replies and early
  /// replies to others.
  package var pieceCount: Int { 2 * requests + copiedRequests + 2 * serverRequests }

  /// Raises what LNet may hold to what this room asks of it at most.
  package func raise(_ limits: inout LNetCapacity) {
    limits.entries += requests + bulkOperations + services
    limits.descriptors += 2 * requests + bulkOperations + services + 2 * serverRequests
    limits.messages += requests + 2 * serverRequests + bulkOperations
  }
}

/// Who the node is, as far as this room is concerned, and how much of everything it may keep.
package struct RPCConfiguration: Sendable {
  package var capacity: RPCCapacity
  package var adaptive: AdaptiveSettings
  /// The first XID: greater than those of earlier lives, a multiple of 128 (spec 10 §9.1).
  package var firstXID: UInt64

  /// - Parameter unixSeconds: the time of the node's start; XIDs begin with it.
  package init(
    unixSeconds: UInt64, capacity: RPCCapacity = RPCCapacity(),
    adaptive: AdaptiveSettings = AdaptiveSettings()
  ) {
    self.capacity = capacity
    self.adaptive = adaptive
    firstXID = unixSeconds << 20
  }

  /// For a node that speaks LNet only.
  package static var none: RPCConfiguration {
    RPCConfiguration(unixSeconds: 0, capacity: .none)
  }
}
