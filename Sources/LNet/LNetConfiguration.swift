package import LustreWire

/// Who a node is on its networks, and how much of everything it may keep.
package struct LNetConfiguration: Sendable {
  /// One of the node's own NIDs.
  package struct Interface: Equatable, BitwiseCopyable, Sendable {
    package var nid: NID
    /// What the ping info says about it.
    package var status: InterfaceStatus

    package init(nid: NID, status: InterfaceStatus = .up) {
      self.nid = nid
      self.status = status
    }
  }

  /// The node's NIDs, the primary first; an interface's place is its number everywhere else.
  package var interfaces: [Interface]
  /// Names this life of the node in wire handles (spec 01 §3.4); new with each start.
  package var interfaceCookie: UInt64
  /// What the ping info says that we can do (spec 01 §7.5). Without `discovery` peers are only pinged, never
  /// merged and never pushed to.
  package var features: PingFeatures
  /// Whether a peer is pinged before the first message that is not LNet's own goes to it (spec 01 §7.1).
  package var pingsBeforeSending: Bool
  /// Nanoseconds until an ACK or REPLY that did not come is given up (spec 01 §10.1: 50 s to 150 s).
  package var transactionTimeout: UInt64
  /// PUTs and GETs of one interface that its driver has at a time, at most: `credits` (spec 01 §9).
  package var credits: Int
  /// Of these, those for one NID of a peer: `peer_credits`.
  package var peerCredits: Int
  /// How often a message whose send failed is sent again (spec 01 §10.2).
  package var retryCount: UInt8
  /// The kind under which this room's entries in the timer wheel expire.
  package var timerKind: UInt8
  package var limits: LNetCapacity

  package init(
    interfaces: [Interface], interfaceCookie: UInt64, features: PingFeatures = .default,
    pingsBeforeSending: Bool = true, transactionTimeout: UInt64 = 50_000_000_000,
    credits: Int = 256, peerCredits: Int = 8, retryCount: UInt8 = 2, timerKind: UInt8,
    limits: LNetCapacity = LNetCapacity()
  ) {
    self.interfaces = interfaces
    self.interfaceCookie = interfaceCookie
    self.features = features
    self.pingsBeforeSending = pingsBeforeSending
    self.transactionTimeout = transactionTimeout
    precondition(credits > 0 && peerCredits > 0)
    self.credits = credits
    self.peerCredits = peerCredits
    self.retryCount = retryCount
    self.timerKind = timerKind
    self.limits = limits
  }
}
