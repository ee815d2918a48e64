import Journal
import Testing

