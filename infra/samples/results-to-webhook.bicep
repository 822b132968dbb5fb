// Announces results to a webhook: a web app, a function, or a Logic App with an HTTP trigger (docs/acting-on-results.md).
// Event Grid first asks the address whether it wants the events, so deploy this when whatever answers there runs.
@description('AZURE_SYSTEM_TOPIC_NAME in the azd environment.')
param systemTopicName string

@description('OUTPUT_CONTAINER: where results are written.')
param outputContainer string = 'entities'

@description('What the names of the announced files end with: .entities.json, .pii.json, .error.json, ...')
param suffix string = '.entities.json'

@secure()
@description('The address, with its secret: https://example.org/results?code=...')
param webhookUrl string

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: systemTopicName
}

resource results 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: 'results-to-webhook'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: webhookUrl
        maxEventsPerBatch: 20
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${outputContainer}/blobs/'
      subjectEndsWith: suffix
      isSubjectCaseSensitive: true
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
