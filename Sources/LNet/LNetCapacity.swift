/// How many of each thing a node's LNet may hold. Nothing grows after the start; reaching a limit is a
/// refusal to the caller or a counted drop.
package struct LNetCapacity: Equatable, Sendable {
  /// Match entries: one for each service buffer, expected reply and bulk transfer.
  package var entries = 8192
  /// Memory descriptors: one for each match entry and each message that waits for its end.
  package var descriptors = 16384
  /// Messages on their way out that consumers asked for.
  package var messages = 4096
  /// ACKs and REPLYs on their way out, which peers asked for; apart, so that neither starves the other.
  package var responses = 4096
  /// Of these, how many one peer NID may cause: more than two full windows of the deepest queue in use.
  package var responsesPerPeer = 1024
  /// Transfers that peers have begun and not finished: PUT_REQ and GET_REQ.
  package var operations = 4096
  /// PUTs that wait on lazy portals; each withholds a credit of its sender.
  package var heldMessages = 2048
  /// Received messages that consumers read in place and have not released.
  package var messagesInPlace = 2048
  /// Nodes known.
  package var peers = 4096
  /// How many NIDs one node may say it has: what eight devices with four ports each could use.
  package var interfacesPerPeer = 32
  /// NIDs of these nodes.
  package var peerInterfaces = 8192
  /// Messages that wait until their peer has been discovered, all peers together.
  package var parkedMessages = 2048
  /// Pings under way, and results that their callers have not released.
  package var pings = 1024
  /// Calls to discover a peer that wait for the end.
  package var discoveries = 256
  /// Events that the node has not taken yet, a power of two.
  package var events = 4096
  /// Messages that the node has not taken yet, a power of two.
  package var outbox = 4096
  /// Log records that nobody has taken yet, a power of two.
  package var logRecords = 256

  package init() {}

  /// How many of each queue must be free before the node hands the next event or command in: more than any
  /// one call appends.
  package static let queueReserve = 64
}
