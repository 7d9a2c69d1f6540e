internal import Connections
public import LustreWire
internal import PtlRPC
internal import Roles

/// A target whose requests the user of the library answers: a handler for each opcode.
///
/// The node does what all targets have in common: it answers CONNECT with what a target of this kind grants, pings and
/// DISCONNECT, keeps the clients apart, evicts those that fall silent, refuses what is malformed or has no handler
/// (-EOPNOTSUPP), and asks clients for patience while a handler works (early replies).
///
/// Handlers run as tasks, off the node's loop, several at a time; a handler that blocks holds up neither the node nor
/// its clients' pings. Clients connect to such a target at its node's NID (`Node.connect`), and mounts find it by
/// name when it is registered (`managementNodes`). Requests and replies have up to 30 buffers; what a client lays open
/// beside its request is read and written by `TargetRequest.receive` and `send`.
///
/// A target is made and then given to `Node.start`, once.
///
/// **Wire:** spec 10 §2–§5, 11 §5.
public struct ServedTarget: Sendable {
  /// Answers a request. What it throws becomes the reply's status: that of a `TargetRefusal`, else -EIO.
  public typealias Handler = @Sendable (TargetRequest) async throws -> TargetReply

  /// Targets of a node.
  static let countMax = 16

  /// `lfs-OST0000`; clients connect to `lfs-OST0000_UUID`.
  public let name: String
  /// Requests that handlers may have at a time, 1 to 128, 64 by default. Who comes then is told to come again
  /// (-EINPROGRESS), which clients do by themselves.
  public var handlerCountMax = 64
  /// How long a handler may take, 60 s by default: then its task is cancelled, and the client told -ETIMEDOUT. A
  /// client that leaves, or a node that stops, cancels it too.
  public var timeout = Duration.seconds(60)
  /// The nodes of the management server that the target is registered at, each one's NIDs, the usual node first; empty for
  /// none, which is the default. `Node.start` then ends when the server knows it, so that mounts of its file system
  /// find it, and throws when it refuses or does not answer for 35 s.
  ///
  /// **Wire:** MGS_TARGET_REG (spec 11 §13).
  public var managementNodes: [[NID]] = []
  let kind: TargetKind
  let index: UInt32
  private(set) var handlers: [Opcode: Handler] = [:]

  /// - Parameter name: `FSNAME-OST0000` or `FSNAME-MDT0000`, the number in four hexadecimal digits: it says which
  ///   kind of target it is, and so what it grants and where its clients ask.
  /// - Throws: `NodeError.configuration` for another name.
  public init(_ name: String) throws(NodeError) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 2, let last = parts.last, last.utf8.count == 7,
      let index = UInt32(last.dropFirst(3), radix: 16), ObdUUID("\(name)_UUID") != nil,
      last.hasPrefix("OST") || last.hasPrefix("MDT")
    else {
      throw NodeError(
        code: .configuration, operation: "start",
        explanation: "'\(name)' is no target's name: write FSNAME-OST0000 or FSNAME-MDT0000")
    }
    self.name = name
    self.index = index
    kind = last.hasPrefix("OST") ? .ost : .mdt
  }

  /// What its management server is told.
  var specification: TargetSpecification {
    var specification = TargetSpecification(
      kind: kind, fileSystem: String(name.dropLast(8)), index: index)
    specification.managementNodes = managementNodes
    return specification
  }

  /// Lets a handler answer an opcode; the last one for each counts. CONNECT, DISCONNECT, pings and cancels are the
  /// node's.
  public mutating func handle(_ opcode: Opcode, _ handler: @escaping Handler) {
    handlers[opcode] = handler
  }

  /// The same for requests whose first buffer is one structure, answered with one: a request without it is refused
  /// with -EPROTO before the handler sees it.
  public mutating func handle<Question: FixedLayout, Answer: FixedLayout>(
    _ opcode: Opcode,
    _ handler: @escaping @Sendable (Question, TargetRequest) async throws -> Answer
  ) {
    handle(opcode) { request in
      TargetReply(try await handler(try request.value(), request))
    }
  }
}

/// A client's request, for its handler.
public struct TargetRequest: Sendable {
  /// What is asked.
  public let opcode: Opcode
  /// The client: for a mount the same name at all targets.
  public let client: ObdUUID
  /// Where it is.
  public let nid: NID
  /// The buffers behind the message's body.
  public let buffers: [[UInt8]]
  /// By then the client must have its answer, without early replies: they let it wait longer.
  public let deadline: ContinuousClock.Instant
  /// The client's numbers have the other byte order.
  let isSwapped: Bool
  let owner: ServedTargets
  let flight: ServedFlight

  /// A structure that a buffer begins with.
  ///
  /// - Parameter index: which of `buffers`.
  /// - Throws: `TargetRefusal` with EPROTO when the buffer is not there or too short; a handler may just pass it on.
  public func value<Value: FixedLayout>(
    _ type: Value.Type = Value.self, at index: Int = 0
  ) throws(TargetRefusal) -> Value {
    guard buffers.indices.contains(index) else { throw TargetRefusal(errno: 71) }
    let buffer = buffers[index]
    do throws(WireError) {
      return try Value(decoding: buffer.rawBytes, swapped: isSwapped)
    } catch { throw TargetRefusal(errno: 71) }
  }
}

/// A handler's answer.
public struct TargetReply: Sendable {
  /// 0, a positive result, or a negative errno of the wire's numbering.
  public var status: Int32
  /// The buffers behind the message's body, up to 30, together up to 1 MiB less the message's header.
  public var buffers: [[UInt8]]

  /// - Parameter buffers: nothing but the body by default.
  public init(status: Int32 = 0, buffers: [[UInt8]] = []) {
    self.status = status
    self.buffers = buffers
  }

  /// One structure in a buffer.
  public init(_ value: some FixedLayout) {
    self.init(buffers: [value.wireBytes])
  }
}

/// Why a handler does not do what it was asked.
public struct TargetRefusal: Error, Hashable, Sendable {
  /// Positive, of the wire's numbering, which is Linux's.
  public var errno: Int32

  /// - Parameter errno: 28 for ENOSPC.
  public init(errno: Int32) { self.errno = errno }
}

extension FixedLayout {
  /// The structure as it stands on the wire: for buffers of requests and replies.
  public var wireBytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    bytes.withMutableRawSpan { encode(into: &$0, at: 0) }
    return bytes
  }
}

extension ImportReply {
  /// A structure that a buffer begins with.
  ///
  /// - Parameter index: which of `buffers`.
  /// - Throws: `WireError` when the buffer is not there or too short.
  public func value<Value: FixedLayout>(
    _ type: Value.Type = Value.self, at index: Int = 0
  ) throws(WireError) -> Value {
    let bytes = buffers.indices.contains(index) ? buffers[index] : []
    return try Value(decoding: bytes.rawBytes, swapped: isSwapped)
  }
}
