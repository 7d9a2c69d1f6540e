public import RDMATransport

extension VerbsTransport {
  /// Which device a transport uses, and how large it is.
  public struct Configuration: Equatable, Sendable {
    /// The local IPv4 address, in host order: it names the device and its port. Nil: that of the GID below,
    /// or the first IPv4 GID of the device.
    public var address: UInt32?
    /// Further local addresses, in host order, that listeners and connects of the transport will name: they must
    /// lead to the same device.
    public var furtherAddresses: [UInt32]
    /// The device by name, as `ibv_devices` prints it; nil: any.
    public var deviceName: String?
    /// The port of the device, from 1; nil: any.
    public var port: UInt8?
    /// The index in the port's GID table, which must hold an IPv4 address; nil: any.
    public var gidIndex: Int?
    /// Queue pairs at a time, 1 to 65,536; those in TIMEWAIT are not counted.
    public var queuePairCountMax: Int
    /// Entries of a completion queue; a transport makes more queues as it needs them.
    public var completionQueueEntries: Int
    /// Whether queue pairs are reset and used again.
    public var poolsQueuePairs: Bool

    /// Each parameter is the property of its name.
    public init(
      address: UInt32? = nil, furtherAddresses: [UInt32] = [], deviceName: String? = nil,
      port: UInt8? = nil, gidIndex: Int? = nil,
      queuePairCountMax: Int = 4096, completionQueueEntries: Int = 8192,
      poolsQueuePairs: Bool = true
    ) {
      self.address = address
      self.furtherAddresses = furtherAddresses
      self.deviceName = deviceName
      self.port = port
      self.gidIndex = gidIndex
      self.queuePairCountMax = queuePairCountMax
      self.completionQueueEntries = completionQueueEntries
      self.poolsQueuePairs = poolsQueuePairs
    }
  }

  /// Events of a transport since it was made.
  public struct Counters: Equatable, Sendable {
    /// Queue pairs that were made.
    public var createdQueuePairs: Int
    /// Connections that were served by a queue pair of an earlier one.
    public var reusedQueuePairs: Int
    /// Queue pairs that the device would not take back.
    public var lostQueuePairs: Int
    /// Queue pairs that the device did not flush in time.
    public var purgedQueuePairs: Int
    /// Connect requests over the limit of those that may wait.
    public var refusedRequests: Int
    /// Commands that came too late for what they named.
    public var ignoredCommands: Int
    /// Times that a port of the device went down (`IBV_EVENT_PORT_ERR`).
    public var portErrors: Int
    /// Completions of an earlier life of a queue pair.
    public var staleCompletions: Int
  }

  /// What can be done about a listener that failed with an errno, for the user.
  public static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError {
    Explanation.listen(
      errno: errno, address: address,
      kernelDriverLoaded: SystemFiles.exists("/sys/module/ko2iblnd"))
  }
}
