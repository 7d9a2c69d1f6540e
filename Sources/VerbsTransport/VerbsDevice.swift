/// An RDMA device of this machine, as `verbena info` prints it.
public struct VerbsDevice: Equatable, Sendable {
  /// The kind of an entry of a GID table (`ibv_gid_type`).
  public enum GIDType: String, Sendable {
    case infiniBand = "IB"
    case roceV1 = "RoCE v1"
    case roceV2 = "RoCE v2"
    case unknown
  }

  /// An entry of a port's GID table.
  public struct GID: Equatable, Sendable {
    public var index: Int
    public var type: GIDType
    /// The 16 bytes in network order.
    public var bytes: [UInt8]

    /// The IPv4 address in host order when the GID is an IPv4-mapped one (::ffff:a.b.c.d).
    public var ipv4: UInt32? {
      guard bytes.count == 16, bytes[0..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF,
        bytes[11] == 0xFF
      else { return nil }
      return bytes[12..<16].reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// A port of a device, numbered from 1.
  public struct Port: Equatable, Sendable {
    public var number: Int
    /// By the name of verbs: `ACTIVE`, `DOWN`.
    public var state: String
    /// `InfiniBand` or `Ethernet`.
    public var linkLayer: String
    /// Bytes.
    public var activeMTU: Int
    /// Bytes.
    public var maxMTU: Int
    public var gids: [GID]
  }

  public var name: String
  public var firmware: String
  /// The NUMA node of the adapter; nil when it has none.
  public var numaNode: Int?
  public var ports: [Port]
  public var queuePairCountMax: Int
  /// Work requests of one queue.
  public var workRequestCountMax: Int
  public var segmentCountMax: Int
  public var completionQueueEntriesMax: Int
  public var memoryRegionCountMax: Int
  /// RDMA READs in flight towards one queue pair.
  public var readsPerQueuePairMax: Int
  /// Bytes that a send can carry inline, as a probe found.
  public var inlineByteCountMax: Int
  /// Why the device could not be opened, with what can be done; nil when it was.
  public var problem: String?

  /// A device of which nothing but the name is known yet.
  init(name: String) {
    self.name = name
    firmware = ""
    ports = []
    queuePairCountMax = 0
    workRequestCountMax = 0
    segmentCountMax = 0
    completionQueueEntriesMax = 0
    memoryRegionCountMax = 0
    readsPerQueuePairMax = 0
    inlineByteCountMax = 0
  }
}
