#if !Verbs
public import RDMATransport

/// The verbs backend in a build without libibverbs and librdmacm: it offers no device and says why.
///
/// It has the shape of the real one, so that code that uses it compiles in both builds.
public struct VerbsTransport: RDMATransport, ~Copyable {
  /// Whether this build has the backend.
  public static let isAvailable = false

  /// What to tell the user who asks for it.
  public static let unavailable = TransportError(
    call: "VerbsTransport", errno: 95,
    explanation: "this build has no verbs backend: install libibverbs-dev and librdmacm-dev and "
      + "build with the package trait Verbs, which is on by default")

  /// The devices of this machine: none that this build can use.
  public static func devices() throws(TransportError) -> [VerbsDevice] { [] }

  /// Always throws `unavailable`.
  public init(_ configuration: Configuration) throws(TransportError) { throw Self.unavailable }

  // There is never a value, so nothing below is ever called.

  public var capabilities: TransportCapabilities { preconditionFailure() }
  /// The local address.
  public var address: UInt32 { preconditionFailure() }
  /// The device's name.
  public var deviceName: String { preconditionFailure() }
  /// What has happened behind the loop so far.
  public var counters: Counters { preconditionFailure() }
  public mutating func allocate(byteCount: Int, access: MemoryAccess) throws(TransportError)
    -> MemoryRegion
  { throw Self.unavailable }
  public mutating func release(_ region: MemoryRegion) {}
  public mutating func keepMemory() {}
  public mutating func execute(_ commands: Span<CMCommand>) {}
  public mutating func post(receives: Span<ReceiveRequest>) -> PostResult { .posted }
  public mutating func post(sends: Span<SendRequest>) -> PostResult { .posted }
  public mutating func poll(completions: inout OutputSpan<WorkCompletion>) {}
  public mutating func poll(events: inout OutputSpan<CMEvent>) {}
  public var wakeDescriptor: Int32 { -1 }
  public mutating func arm() -> Bool { false }
}
#endif
