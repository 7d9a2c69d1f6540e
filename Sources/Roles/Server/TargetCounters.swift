/// What a target of a node has done, by its name.
package struct TargetCounters: Sendable {
  package enum Counts: Sendable {
    case management(ManagementCounters)
    case metadata(MetadataCounters)
    case objects(ObjectServerCounters)
  }

  package var name: String
  package var counts: Counts
}
