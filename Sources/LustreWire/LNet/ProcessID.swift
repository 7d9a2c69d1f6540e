/// A process on the network: a NID and a process id.
///
/// **Wire:** the pairs `dest_nid`/`dest_pid` and `src_nid`/`src_pid` of the LNet header (spec 01 §2, §3.1).
public struct ProcessID: Hashable, Sendable, BitwiseCopyable {
  /// Whose interface.
  public var nid: NID
  /// Which process; every Lustre node is ``LNetLimits/lustrePID``.
  public var pid: UInt32

  /// The process `pid` at `nid`.
  @inlinable public init(nid: NID, pid: UInt32 = LNetLimits.lustrePID) {
    self.nid = nid
    self.pid = pid
  }
}
