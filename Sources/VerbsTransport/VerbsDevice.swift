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
    /// Its place in the table, from 0: what `-x` takes.
    public var index: Int
    /// Which network it belongs to; o2iblnd on Ethernet needs RoCE v2 with an IPv4 address.
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
    /// As verbs counts: from 1.
    public var number: Int
    /// By the name of verbs: `ACTIVE`, `DOWN`.
    public var state: String
    /// `InfiniBand` or `Ethernet`.
    public var linkLayer: String
    /// Bytes.
    public var activeMTU: Int
    /// Bytes.
    public var maxMTU: Int
    /// The entries in use, by index.
    public var gids: [GID]
  }

  /// As `ibv_devices` prints it: `mlx5_0`, `rxe0`.
  public var name: String
  /// The firmware's version in the vendor's own form; empty where there is none.
  public var firmware: String
  /// The NUMA node of the adapter; nil when it has none.
  public var numaNode: Int?
  /// By number.
  public var ports: [Port]
  /// Queue pairs of all processes together (`max_qp`).
  public var queuePairCountMax: Int
  /// Work requests of one queue.
  public var workRequestCountMax: Int
  /// Segments of one work request (`max_sge`).
  public var segmentCountMax: Int
  /// Entries of one completion queue (`max_cqe`).
  public var completionQueueEntriesMax: Int
  /// Memory regions of all processes together (`max_mr`).
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
