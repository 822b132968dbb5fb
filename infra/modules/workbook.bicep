// The operator's page in the portal (Application Insights, Workbooks): queries over the app's metrics and log actions.
param location string
param tags object
param applicationInsightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // A workbook's name must be a GUID; this one stays the same from deployment to deployment.
  name: guid(applicationInsightsId, 'entity-drop')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Entity Drop'
    category: 'workbook'
    sourceId: applicationInsightsId
    serializedData: loadTextContent('../workbook.json')
  }
}
