"""Reading and writing Examples a batch at a time, for the components that use Beam."""
