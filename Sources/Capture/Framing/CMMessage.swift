internal import LustreWire

/// A message of the InfiniBand connection manager: a 256-byte management datagram.
///
/// **Wire:** 24 bytes of datagram header, big-endian, then 232 bytes whose end is private data (IBA volume 1, 12.6;
/// private data sizes as in spec 02 §2).
package enum CMMessage: Hashable, Sendable {
  /// Asks for a connection.
  case request(Request)
  /// Accepts.
  case reply(Reply)
  /// Declines.
  case reject(Reject)
  /// The asking side is ready.
  case readyToUse(Pair)
  /// Ends a connection.
  case disconnectRequest(Pair, remoteQueuePair: UInt32)
  /// Confirms the end.
  case disconnectReply(Pair)

  /// Bytes on the wire.
  package static let byteCount = 256

  /// The two names of a connection: the sender's and the receiver's.
  package struct Pair: Hashable, Sendable {
    /// The sender's name for the connection.
    package var local: UInt32
    /// The receiver's name for the connection; 0 when not known yet.
    package var remote: UInt32

    package init(local: UInt32, remote: UInt32) {
      self.local = local
      self.remote = remote
    }
  }

  /// The fields of a connect request that matter here.
  package struct Request: Hashable, Sendable {
    /// The sender's name for the connection.
    package var localID: UInt32
    /// Which service; for the RDMA CM port space TCP 0x01060000 plus port.
    package var serviceID: UInt64
    /// The sender's queue pair, 24 bits.
    package var queuePair: UInt32
    /// The sequence number with which the accepting side shall start, 24 bits.
    package var startingSequence: UInt32
    /// READs that the sender answers at a time.
    package var responderResources: UInt8
    /// READs that the sender has outstanding at a time.
    package var initiatorDepth: UInt8
    /// Retries of the transport.
    package var retryCount: UInt8
    /// Retries when the receiver has posted no buffer; 7 is for ever.
    package var rnrRetryCount: UInt8
    /// The addresses in the header before the consumer's private data.
    package var ip: IPHeader
    /// The consumer's private data, 56 bytes.
    package var privateData: [UInt8]

    package init(
      localID: UInt32, serviceID: UInt64, queuePair: UInt32, startingSequence: UInt32,
      responderResources: UInt8 = 0, initiatorDepth: UInt8 = 0, retryCount: UInt8 = 5,
      rnrRetryCount: UInt8 = 6, ip: IPHeader, privateData: [UInt8]
    ) {
      self.localID = localID
      self.serviceID = serviceID
      self.queuePair = queuePair
      self.startingSequence = startingSequence
      self.responderResources = responderResources
      self.initiatorDepth = initiatorDepth
      self.retryCount = retryCount
      self.rnrRetryCount = rnrRetryCount
      self.ip = ip
      self.privateData = privateData
    }
  }

  /// What the RDMA CM puts before the private data of a request: 36 bytes.
  package struct IPHeader: Hashable, Sendable {
    /// The sender's port.
    package var sourcePort: UInt16
    /// The sender's address, first octet on top.
    package var source: UInt32
    /// The receiver's address, first octet on top.
    package var destination: UInt32

    static let byteCount = 36

    package init(sourcePort: UInt16, source: UInt32, destination: UInt32) {
      self.sourcePort = sourcePort
      self.source = source
      self.destination = destination
    }
  }

  /// The fields of an accept that matter here.
  package struct Reply: Hashable, Sendable {
    /// Both names of the connection.
    package var ids: Pair
    /// The sender's queue pair, 24 bits.
    package var queuePair: UInt32
    /// The sequence number with which the asking side shall start, 24 bits.
    package var startingSequence: UInt32
    /// READs that the sender answers at a time.
    package var responderResources: UInt8
    /// READs that the sender has outstanding at a time.
    package var initiatorDepth: UInt8
    /// Retries when the receiver has posted no buffer; 7 is for ever.
    package var rnrRetryCount: UInt8
    /// The consumer's private data, 196 bytes with padding.
    package var privateData: [UInt8]

    package init(
      ids: Pair, queuePair: UInt32, startingSequence: UInt32, responderResources: UInt8 = 0,
      initiatorDepth: UInt8 = 0, rnrRetryCount: UInt8 = 6, privateData: [UInt8]
    ) {
      self.ids = ids
      self.queuePair = queuePair
      self.startingSequence = startingSequence
      self.responderResources = responderResources
      self.initiatorDepth = initiatorDepth
      self.rnrRetryCount = rnrRetryCount
      self.privateData = privateData
    }
  }

  /// The fields of a reject.
  package struct Reject: Hashable, Sendable {
    /// Both names of the connection.
    package var ids: Pair
    /// Which message is rejected: 0 the request, 1 the reply, 2 none.
    package var rejected: UInt8
    /// Why: 28 is the consumer's own reason, 10 a stale connection, 8 nobody listens.
    package var reason: UInt16
    /// The consumer's private data, 148 bytes with padding.
    package var privateData: [UInt8]

    package init(ids: Pair, rejected: UInt8 = 0, reason: UInt16, privateData: [UInt8] = []) {
      self.ids = ids
      self.rejected = rejected
      self.reason = reason
      self.privateData = privateData
    }

    /// The reason that says that the private data have one.
    package static let consumerReason: UInt16 = 28
  }

  /// The part of a service id that the port is added to, for the port space of TCP.
  package static let tcpService: UInt64 = 0x0106_0000

  /// The number of the message in the datagram's header.
  package var attribute: UInt16 {
    switch self {
    case .request: 0x10
    case .reject: 0x12
    case .reply: 0x13
    case .readyToUse: 0x14
    case .disconnectRequest: 0x15
    case .disconnectReply: 0x16
    }
  }

  /// The sender's and the receiver's names of the connection.
  package var ids: Pair {
    switch self {
    case .request(let request): Pair(local: request.localID, remote: 0)
    case .reply(let reply): reply.ids
    case .reject(let reject): reject.ids
    case .readyToUse(let ids), .disconnectRequest(let ids, _), .disconnectReply(let ids): ids
    }
  }
}
